/** The API on a port. */
import { RealmError } from "../protocol/mod.ts";
import { onBothFamilies, urlHost } from "../gateway/mod.ts";
import type { AgentService } from "../node/mod.ts";
import { type ApiOptions, createApi } from "./server.ts";

/** Where and how to listen. */
export interface ListenOptions extends ApiOptions {
  /** Default 127.0.0.1, which means `::1` as well. Another address than loopback needs `tls`. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** A listening API. */
export interface ApiServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** `host:port` of each socket. */
  readonly addresses: readonly string[];
}

const loopback = (host: string) => host === "localhost" || host === "::1" || host.startsWith("127.");

/** Serves the API until disposed; standing streams are cut then. Throws `usage` or `unavailable`. */
export function serveApi(agent: AgentService, options: ListenOptions = {}): ApiServer {
  const { host = "127.0.0.1", port = 0, tls } = options;
  if (!loopback(host) && !tls) {
    throw new RealmError(
      "usage",
      `the API listens on ${host} only with TLS: give it a certificate and a key, or listen on 127.0.0.1`,
    );
  }
  const app = createApi(agent, options);
  const handler = (request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) => app.fetch(request, info);
  const open = (hostname: string, at: number) => {
    const abort = new AbortController();
    const common = { hostname, port: at, signal: abort.signal, onListen: () => {} };
    const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
      tls ? { ...common, cert: tls.cert, key: tls.key } : common,
      handler,
    );
    return { server, abort, hostname, port: server.addr.port };
  };
  let servers: readonly ReturnType<typeof open>[];
  try {
    servers = onBothFamilies(host, port, open, ({ abort }) => abort.abort());
  } catch (cause) {
    throw new RealmError(
      "unavailable",
      `the API cannot listen on ${host}:${port}; choose another port with --api HOST:PORT`,
      { cause },
    );
  }
  const bound = servers[0].port;
  return {
    url: `${tls ? "https" : "http"}://${urlHost(host)}:${bound}`,
    port: bound,
    addresses: servers.map((s) => `${urlHost(s.hostname)}:${s.port}`),
    async [Symbol.asyncDispose]() {
      // Streams never end by themselves: a graceful shutdown would wait for them for ever.
      for (const { abort } of servers) abort.abort();
      await Promise.all(servers.map(({ server }) => server.finished));
    },
  };
}
