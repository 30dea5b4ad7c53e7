/** Which hosts a guest may reach. */

/** A rule of the manifest: `host:port`, where port may be `*`. IPv6 addresses stand in brackets. */
interface Rule {
  readonly host: string;
  readonly port: string;
}
const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/** Decides about URLs. */
export class OutboundRules {
  readonly #rules: readonly Rule[];

  /** `allowed`: `host:port` pairs; empty: nothing may be reached. */
  constructor(allowed: readonly string[]) {
    this.#rules = allowed.flatMap((text) => {
      const at = text.lastIndexOf(":");
      const host = normalHost(text.slice(0, at));
      const port = text.slice(at + 1);
      return at > 0 && host !== undefined && /^(\*|\d{1,5})$/.test(port) ? [{ host, port }] : [];
    });
  }

  /**
   * The URL of a request, if it may be made. The authority must be `host` or `host:port` and nothing else (no user
   * name, no path), and is compared after the normalisation that the request itself will go through, so that another
   * spelling of an address is the same address.
   */
  check(scheme: string, authority: string, path: string): URL | undefined {
    if (DEFAULT_PORTS[`${scheme}:`] === undefined) return;
    if (!/^(\[[0-9a-fA-F:.]+\]|[^\s/?#@\\:[\]]+)(:\d{1,5})?$/.test(authority) || !path.startsWith("/")) {
      return;
    }
    let url: URL;
    try {
      url = new URL(`${scheme}://${authority}`);
      const target = new URL(path, url);
      if (target.host !== url.host || target.protocol !== url.protocol) {
        // A path such as `//other/` would be read as an authority.
        target.href = `${url.origin}/.${path}`;
      }
      if (target.host !== url.host || target.protocol !== url.protocol) return;
      url = target;
    } catch {
      return;
    }
    const port = url.port || DEFAULT_PORTS[url.protocol];
    return this.#rules.some((r) => r.host === url.hostname && (r.port === "*" || r.port === port))
      ? url
      : undefined;
  }

  /** As scopes of Deno's net permission: the second wall. Entries that are no rules allow nothing. */
  static permissions(allowed: readonly string[]): string[] {
    return new OutboundRules(allowed).#rules.map(({ host, port }) => port === "*" ? host : `${host}:${port}`);
  }
}

function normalHost(host: string): string | undefined {
  try {
    return new URL(`http://${host}`).hostname;
  } catch {
    return undefined;
  }
}
