/** Answers of a node that are no success. */
import { type ErrorCode, errorTable, RealmError } from "../protocol/errors.ts";

/** How often a node that catches up is asked. */
const CATCHING_UP_MS = 200;

/** The failure that a response tells. */
export async function failureOf(response: Response): Promise<RealmError> {
  const text = await response.text().catch(() => "");
  try {
    const { code, detail, data } = JSON.parse(text.slice(0, 1 << 20));
    if (typeof code === "string" && Object.hasOwn(errorTable, code) && typeof detail === "string") {
      return new RealmError(code as ErrorCode, detail, { detail: data });
    }
  } catch { /* no problem JSON: something else answers at this address */ }
  return new RealmError(
    "failed",
    `what answers at ${
      new URL(response.url || "http://?").host
    } is no node of Realm (HTTP ${response.status}); check the address`,
  );
}

/**
 * The answer, when it is good; throws what it tells otherwise. A node that says that it catches up is asked again for
 * `patienceMs`.
 */
export async function goodAnswer(
  sending: () => Promise<Response>,
  patienceMs: number,
  signal?: AbortSignal,
): Promise<Response> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const response = await sending();
    if (response.ok) return response;
    const failure = await failureOf(response);
    if (failure.code !== "catching_up" || performance.now() > until || signal?.aborted) throw failure;
    await new Promise((resolve) => setTimeout(resolve, CATCHING_UP_MS));
  }
}
