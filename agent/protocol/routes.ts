/** Routes of apps and the hosts they may reach: texts of a manifest, taken apart and checked. */

/** Where an app answers: a host and a path prefix. */
export interface Route {
  /** A single label under each gateway's domain (`shop` → `shop.localhost`), or a full host name, in lower case. */
  readonly host: string;
  /** `label`: under the gateway's domain; `name`: the full host name. */
  readonly kind: "label" | "name";
  /** Path prefix without trailing slash; empty for the whole host. */
  readonly path: string;
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Whether `host` is a host name in lower case: labels of RFC 1123, the last not a number. */
export function isHostName(host: string): boolean {
  if (host.length > 253) return false;
  const labels = host.split(".");
  return labels.every((l) => LABEL.test(l)) && !/^[0-9]+$/.test(labels[labels.length - 1]);
}

/** Takes `host[/path]` apart; a text says what is wrong with it. */
export function parseRoute(text: string): Route | string {
  if (/^[a-z]+:\/\//i.test(text)) return "a host without a scheme";
  const slash = text.indexOf("/");
  const host = slash < 0 ? text : text.slice(0, slash);
  const path = slash < 0 ? "" : text.slice(slash).replace(/\/$/, "");
  if (host.includes(":")) return "a host without a port: the gateway decides the port";
  const kind = host.includes(".") ? "name" : "label";
  if (kind === "label" ? !LABEL.test(host) : !isHostName(host)) {
    return "a host label or host name in lower case, such as `shop` or `shop.example.com`";
  }
  if (path !== "" && !/^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~-]+)+$/.test(path)) {
    return "a path prefix of letters, digits and `. _ ~ -`, with no `.` or `..` part";
  }
  return { host, kind, path };
}

/** A route as text. */
export const showRoute = (route: Route): string => route.host + route.path;

const IPV4 =
  /^(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}$/;

function isIpv6(text: string): boolean {
  if (!/^[0-9a-f:.]{2,45}$/.test(text)) return false;
  try {
    return new URL(`http://[${text}]/`).hostname === `[${text}]`;
  } catch {
    return false;
  }
}

/** Why `text` is not a `host:port` that an app may be allowed to reach (port may be `*`); `undefined` when it is. */
export function outboundProblem(text: string): string | undefined {
  const match = /^(\[[^\]]*\]|[^:[\]]*):([0-9]{1,5}|\*)$/.exec(text);
  if (!match) return '"host:port" (the port may be `*`)';
  const [, host, port] = match;
  if (port !== "*" && (Number(port) < 1 || Number(port) > 65_535 || String(Number(port)) !== port)) {
    return "a port from 1 to 65535, or `*`";
  }
  const address = host.startsWith("[") ? isIpv6(host.slice(1, -1)) : IPV4.test(host) || isHostName(host);
  return address ? undefined : "a host name in lower case, an IPv4 address, or an IPv6 address in brackets";
}
