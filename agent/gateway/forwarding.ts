/** What is checked and changed in a request on its way in, and in a response on its way out. Pure. */
import { gatewayLimits } from "../protocol/limits.ts";

/** A header field list as it travels: names in lower case, repeated names allowed. */
export type Fields = readonly (readonly [string, string])[];

/** Fields that concern one connection only (RFC 9110 §7.6.1), besides those that `Connection` names. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);
/** Fields that say who the client is: only a trusted proxy may set them. */
const CLAIMS = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-server",
  "x-real-ip",
]);

/** The parts of a request URL that routing needs. */
export interface Target {
  /** As in the URL: host and port. */
  readonly authority: string;
  /** Lower case, without port and trailing dot. */
  readonly host: string;
  /** Canonical: dot segments resolved, no backslash, leading slash; percent signs as they were. */
  readonly path: string;
  /** With its `?`, or empty. */
  readonly search: string;
}

const AUTHORITY = /^(?:([a-z0-9](?:[a-z0-9._-]*[a-z0-9_])?)\.?|(\[[0-9a-f:.]+\]))(?::[0-9]{1,5})?$/i;
/** A path that is canonical as it stands. */
const PLAIN_PATH = /^(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]*)+$/;

/**
 * Splits and checks a request URL. `undefined`: not one that a gateway can serve (user info in the authority,
 * no valid host).
 */
export function targetOf(url: string): Target | undefined {
  const from = url.indexOf("://") + 3;
  if (from < 3) return undefined;
  let to = from;
  for (; to < url.length; to++) {
    const c = url.charCodeAt(to);
    if (c === 47 || c === 63 || c === 35) break;
  }
  const authority = url.slice(from, to);
  const match = AUTHORITY.exec(authority);
  if (!match) return undefined;
  const query = url.indexOf("?", to);
  const raw = query < 0 ? url.slice(to) : url.slice(to, query);
  const search = query < 0 ? "" : url.slice(query);
  const path = PLAIN_PATH.test(raw) ? raw : canonicalPath(raw);
  if (path === undefined) return undefined;
  return { authority, host: (match[1] ?? match[2]).toLowerCase(), path, search };
}

/**
 * Resolves dot segments (also encoded ones) as a browser does, so that routing and the app see the same path. An
 * encoded slash or backslash stays encoded: it is data inside a segment.
 */
function canonicalPath(raw: string): string | undefined {
  if (raw === "") return "/";
  if (!raw.startsWith("/")) return undefined;
  try {
    return new URL("http://x" + raw).pathname;
  } catch {
    return undefined;
  }
}

/** The decoded form of a path, for file look-up; `undefined` when it hides a slash, a NUL or is no valid UTF-8. */
export function decodedPath(path: string): string | undefined {
  if (!path.includes("%")) return path;
  if (/%(?:2f|5c|00)/i.test(path)) return undefined;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** Names listed in `Connection`. */
function connectionNames(value: string | null): readonly string[] {
  return value ? value.toLowerCase().split(",").map((n) => n.trim()) : [];
}

/** Whether the request asks for another protocol on its connection (RFC 9110 §7.8). */
export const wantsUpgrade = (headers: Headers): boolean =>
  headers.get("upgrade") !== null && connectionNames(headers.get("connection")).includes("upgrade");

/** Who sent a request, as the gateway knows it. */
export interface Sender {
  /** Address of the connection. */
  readonly address: string;
  readonly proto: "http" | "https";
  /** The connection's other side is a proxy that the operator trusts. */
  readonly trusted: boolean;
  /** The host asked for, with port. */
  readonly host: string;
  /** The route's prefix, when not the root. */
  readonly prefix: string;
}

/**
 * Header fields for the replica: hop-by-hop fields removed, `X-Forwarded-*` written by the gateway; what a client
 * claims is kept only from a trusted proxy. `undefined` when the fields exceed `gatewayLimits.headerBytes`.
 */
export function forwardedFields(headers: Headers, sender: Sender): [string, string][] | undefined {
  const named = connectionNames(headers.get("connection"));
  const out: [string, string][] = [];
  let bytes = 0;
  let forwardedFor = sender.address, proto: string = sender.proto, host = sender.host, forwarded = "";
  for (const [name, value] of headers) {
    bytes += name.length + value.length + 4;
    if (bytes > gatewayLimits.headerBytes) return undefined;
    if (name === "host" || HOP_BY_HOP.has(name) || named.includes(name)) continue;
    if (!CLAIMS.has(name)) out.push([name, value]);
    else if (sender.trusted) {
      if (name === "x-forwarded-for") forwardedFor = `${value}, ${sender.address}`;
      else if (name === "x-forwarded-proto" && /^https?$/.test(value)) proto = value;
      else if (name === "x-forwarded-host") host = value;
      else if (name === "forwarded") forwarded = value;
    }
  }
  out.push(["host", sender.host], ["x-forwarded-for", forwardedFor], ["x-forwarded-proto", proto]);
  out.push(["x-forwarded-host", host]);
  if (forwarded) out.push(["forwarded", forwarded]);
  if (sender.prefix) out.push(["x-forwarded-prefix", sender.prefix]);
  return out;
}

/** Header fields of a replica's response for the client: hop-by-hop fields removed. */
export function returnedFields(fields: Iterable<readonly [string, string]>): [string, string][] {
  const out: [string, string][] = [];
  let named: readonly string[] = [];
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    if (lower === "connection") named = connectionNames(value);
    if (!HOP_BY_HOP.has(lower)) out.push([lower, value]);
  }
  return named.length === 0 ? out : out.filter(([name]) => !named.includes(name));
}

/** Safe to send again although it may have been received (RFC 9110 §9.2.2). */
export const isIdempotent = (method: string): boolean =>
  method === "GET" || method === "HEAD" || method === "OPTIONS" || method === "PUT" || method === "DELETE";
