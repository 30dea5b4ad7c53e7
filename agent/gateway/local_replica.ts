/** Answers an exchange from a replica on this node: its files first, then its guest, then its server. */
import type { HttpCall } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";
import type { LocalReplica } from "./routes.ts";
import type { StaticFiles } from "./static_files.ts";
import type { Found } from "./static_site.ts";
import {
  type Answer,
  answerOf,
  AttemptError,
  type Exchange,
  notSent,
  type UpgradeAnswer,
} from "./exchange.ts";
import { decodedPath } from "./forwarding.ts";
import { fetchFromTarget, upgradeAtTarget } from "./connect_target.ts";
import { problem } from "./problems.ts";

/** The static answer's subject for a request, or `undefined` when the guest or server must answer. */
export function findStatic(
  replica: LocalReplica,
  method: string,
  path: string,
  prefix: string,
  accept: string | null,
): Found | undefined {
  if (!replica.static || (method !== "GET" && method !== "HEAD")) return undefined;
  const decoded = decodedPath(path);
  if (decoded === undefined) {
    return hasGuest(replica) ? undefined : replica.static.missing("", false);
  }
  const below = decoded.slice(prefix.length);
  if (below === "") return { kind: "redirect", path: "/" };
  const found = replica.static.find(below);
  if (found || hasGuest(replica)) return found;
  return replica.static.missing(below, accept !== null && accept.includes("text/html"));
}

const hasGuest = ({ serve, fetch, connect }: LocalReplica): boolean =>
  serve !== undefined || fetch !== undefined || connect !== undefined;

/**
 * Answers one request. Rejects with {@link AttemptError}. An answer whose body breaks later errors its stream.
 */
export async function answerLocally(
  replica: LocalReplica,
  exchange: Exchange,
  files: StaticFiles,
): Promise<Answer> {
  const { method, path, prefix, fields, url } = exchange;
  try {
    if (replica.static) {
      const headers = new Headers(fields as [string, string][]);
      const found = findStatic(replica, method, path, prefix, headers.get("accept"));
      if (found) {
        const search = url.indexOf("?");
        const query = search < 0 ? "" : url.slice(search);
        return answerOf(await files.answer(replica.static, found, method, headers, prefix, query));
      }
    }
    if (replica.serve) return await replica.serve(callOf(exchange));
    if (replica.fetch) return answerOf(await replica.fetch(requestOf(exchange)));
  } catch (cause) {
    throw new AttemptError(cause, true);
  }
  if (replica.connect) return answerOf(await fetchFromTarget(replica.connect, exchange));
  if (!replica.static) throw new AttemptError(notSent("The replica takes no requests on this node."), false);
  if (method === "GET" || method === "HEAD") {
    return answerOf(problem(404, "There is nothing at this address."));
  }
  const why = `This address can be read only (GET, HEAD), not ${method}.`;
  return answerOf(problem(405, why, { allow: "GET, HEAD" }));
}

function callOf({ url, method, fields, body, signal }: Exchange): HttpCall {
  const from = url.indexOf("://");
  const to = url.indexOf("/", from + 3);
  return {
    method,
    scheme: url.startsWith("https") ? "https" : "http",
    authority: url.slice(from + 3, to),
    path: url.slice(to),
    fields,
    body: body ? body.bytes ?? body.stream() : undefined,
    signal,
  };
}

function requestOf(exchange: Exchange): Request {
  const { body } = exchange;
  return new Request(exchange.url, {
    method: exchange.method,
    headers: exchange.fields as [string, string][],
    body: body ? body.bytes ?? body.stream() : null,
    signal: exchange.signal,
  });
}

/** Answers one upgrade. Rejects with {@link AttemptError}. */
export async function upgradeLocally(replica: LocalReplica, exchange: Exchange): Promise<UpgradeAnswer> {
  if (replica.connect) return await upgradeAtTarget(replica.connect, exchange);
  const why = new RealmError("bad_request", "This app takes no upgraded connections.");
  return { kind: "response", response: problem(501, why.message) };
}
