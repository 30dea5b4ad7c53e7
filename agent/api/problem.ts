/** The one place where failures become answers: problem JSON (RFC 9457) with a stable code. */
import { type ErrorCode, httpStatusOf, type ProblemView, RealmError } from "../protocol/mod.ts";

const MEDIA_TYPE = "application/problem+json";

/** A failure as it is told to clients. Unexpected ones reveal nothing but that they happened. */
export function problemOf(error: unknown): ProblemView {
  if (error instanceof RealmError) return problem(error.code, error.message, error.detail);
  return problem("internal", "the node failed to answer; its log says why");
}

/** Problem JSON of a code. */
export function problem(code: ErrorCode, detail: string, data?: unknown): ProblemView {
  return {
    type: `urn:realm:problem:${code}`,
    title: code.replaceAll("_", " "),
    status: httpStatusOf(code),
    detail,
    code,
    ...(data !== undefined && { data }),
  };
}

/** The answer for a failure. */
export function problemResponse(error: unknown): Response {
  const body = problemOf(error);
  const headers: Record<string, string> = { "content-type": MEDIA_TYPE, "cache-control": "no-store" };
  if (body.code === "rate_limited") headers["retry-after"] = "1";
  if (body.status === 401) headers["www-authenticate"] = 'Bearer realm="realm"';
  return new Response(JSON.stringify(body), { status: body.status, headers });
}
