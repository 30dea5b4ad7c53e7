/** What a node is started with; apart from the agent itself, so that a supervisor loads nothing else. */

/** What `realm up` passes to the agent's process, as JSON in the environment variable {@link LAUNCH_VARIABLE}. */
export interface LaunchOptions {
  readonly dataDir: string;
  readonly name: string;
  readonly tags: readonly string[];
  /** Multiaddrs, or `host:port`; none: the port of the last start, else 7479, else any free one. */
  readonly listen: readonly string[];
  /** Addresses to announce in place of those listened on. */
  readonly announce?: readonly string[];
  readonly gateway: { readonly hostname: string; readonly port: number };
  readonly api: { readonly hostname: string; readonly port: number };
  /** Names under which the API is reached besides: in the LAN, of a TLS proxy. */
  readonly hosts: readonly string[];
  /** Where the API is served by HTTPS besides. */
  readonly apiTls?: { readonly hostname: string; readonly port: number };
  /** PEM files for `apiTls` and `gatewayTls`. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Where apps are served by HTTPS besides. */
  readonly gatewayTls?: { readonly hostname: string; readonly port: number };
  /** Addresses of proxies whose `X-Forwarded-*` are believed. */
  readonly trustedProxies?: readonly string[];
  /** File of the gateway's access log. */
  readonly accessLog?: string;
  readonly mdns: boolean;
  readonly relay: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** MiB of memory that work may take; default 80 % of the machine's. */
  readonly memoryMb?: number;
}

/** See {@link LaunchOptions}. */
export const LAUNCH_VARIABLE = "REALM_LAUNCH";

/** `host:port` as multiaddrs; a multiaddr stays as it is. The wildcard means both address families. */
export function toMultiaddrs(listen: string): readonly string[] {
  if (listen.startsWith("/")) return [listen];
  const colon = listen.lastIndexOf(":"), port = listen.slice(colon + 1);
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, "") || "0.0.0.0";
  if (host === "0.0.0.0") return [`/ip4/0.0.0.0/tcp/${port}`, `/ip6/::/tcp/${port}`];
  return [`/${host.includes(":") ? "ip6" : "ip4"}/${host}/tcp/${port}`];
}
