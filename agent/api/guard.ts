/**
 * Who may talk to the API from a browser: requests must name this node in `Host` (against DNS rebinding) and come
 * from its own pages (against cross-site requests). Tokens are needed besides; this is the second wall.
 */
import { RealmError } from "../protocol/mod.ts";

/** Names beside IP addresses and `localhost` under which this node is reached. */
export interface GuardOptions {
  /** Host names without port, in lower case: in the LAN, of a TLS proxy in front. */
  readonly hosts?: readonly string[];
  /** Other origins whose pages may ask, for example `https://realm.example.com`. */
  readonly origins?: readonly string[];
}

const IPV4 = /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/;

/** Host name of a `Host` header in lower case, without port; `undefined` when it is none. */
export function hostName(header: string): string | undefined {
  const match = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(:[0-9]{1,5})?$/.exec(header);
  return match?.[1].toLowerCase();
}

/** An address cannot be rebound: only names can. */
const trusted = (name: string, hosts: readonly string[]): boolean =>
  name === "localhost" || name.startsWith("[") || IPV4.test(name) || hosts.includes(name);

/** Throws `bad_origin` for a request that this node must not answer. */
export function guard(request: Request, options: GuardOptions): void {
  const header = request.headers.get("host") ?? new URL(request.url).host;
  const name = hostName(header);
  if (name === undefined || !trusted(name, options.hosts ?? [])) {
    throw new RealmError(
      "bad_origin",
      "the request names another host than this node; use its address, or start it with that host name",
    );
  }
  const origin = request.headers.get("origin");
  if (origin !== null) {
    // A proxy may name us by our own address: a page of a name that is ours is ours all the same.
    const own = origin === `http://${header}` || origin === `https://${header}` ||
      (options.hosts ?? []).includes(hostName(origin.replace(/^https?:\/\//, "")) ?? "");
    if (!own && !options.origins?.includes(origin)) {
      throw new RealmError("bad_origin", "the request comes from a page of another site");
    }
    return;
  }
  const site = request.headers.get("sec-fetch-site");
  const navigation = request.method === "GET" && request.headers.get("sec-fetch-mode") === "navigate";
  const foreign = site === "cross-site" || site === "same-site";
  if (foreign && !(navigation && !/^\/(api|metrics)/.test(new URL(request.url).pathname))) {
    throw new RealmError("bad_origin", "the request comes from a page of another site");
  }
}

/** Headers of every answer: nothing may be framed, sniffed, cached by others, or loaded from elsewhere. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'self'; connect-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
};
