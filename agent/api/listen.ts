/** The API on a port. */
import { apiLimits, RealmError } from "../protocol/mod.ts";
import { onBothFamilies, urlHost } from "../gateway/mod.ts";
import type { AgentService } from "../node/mod.ts";
import { isStanding } from "./line_stream.ts";
import { type ApiOptions, createApi } from "./server.ts";

/** PEM texts. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** Where and how to listen. */
export interface ListenOptions extends ApiOptions {
  /** Default 127.0.0.1, which means `::1` as well. Another address than loopback needs `tls`. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  readonly tls?: Tls;
  /** Where it listens with TLS besides, for others than this machine. */
  readonly secure?: { readonly host: string; readonly port: number; readonly tls: Tls };
}

/** A listening API. */
export interface ApiServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** Port of `secure`. */
  readonly securePort: number | undefined;
  /** `host:port` of each socket. */
  readonly addresses: readonly string[];
  /** Goes on with another certificate where it listens with TLS; clients connect again. Throws when the pair is none. */
  renew(tls: Tls): Promise<void>;
}

/** Whether only this machine reaches a server at `host`. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host.startsWith("127.");

/** The runtime calls an answer sent some turns of its event loop before the last byte is on its way. */
const WRITE_MS = 20;

/** The old socket closes within the next turns of the event loop. */
async function again<T>(start: () => T): Promise<T> {
  for (let left = 200;; left--) {
    try {
      return start();
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse) || left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/**
 * Serves the API until disposed: what has no answer then is refused, standing streams are cut. Throws `usage` or
 * `unavailable`.
 */
export function serveApi(agent: AgentService, options: ListenOptions = {}): ApiServer {
  const { host = "127.0.0.1", port = 0, tls, secure } = options;
  if (!isLoopback(host) && !tls) {
    throw new RealmError(
      "usage",
      `the API listens on ${host} only with TLS: use --api-tls HOST:PORT with --tls-cert FILE and --tls-key FILE`,
    );
  }
  const ending = new AbortController();
  const app = createApi(agent, { ...options, ending: ending.signal });
  /** Answers that are being made or sent; not those that stand. */
  const sending = new Set<Promise<void>>();
  const handler = async (request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) => {
    const sent = info.completed.catch(() => {}).finally(() => sending.delete(sent));
    sending.add(sent);
    const response = await app.fetch(request, info);
    if (isStanding(response)) sending.delete(sent);
    return response;
  };
  const start = (certificate: Tls | undefined, hostname: string, at: number) => {
    const abort = new AbortController();
    const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
      { hostname, port: at, signal: abort.signal, onListen: () => {}, ...certificate },
      handler,
    );
    return { server, abort, hostname, port: server.addr.port };
  };
  type Started = ReturnType<typeof start>;
  const end = async (all: readonly Started[]) => {
    // Streams never end by themselves: a graceful shutdown would wait for them for ever.
    for (const { abort } of all) abort.abort();
    await Promise.all(all.map(({ server }) => server.finished));
  };
  const listen = (hostname: string, at: number, certificate: Tls | undefined, flag: string) => {
    try {
      return onBothFamilies(
        hostname,
        at,
        (family, free) => start(certificate, family, free),
        ({ abort }) => abort.abort(),
      );
    } catch (cause) {
      const why = cause instanceof Deno.errors.AddrInUse ? "" : ` (${(cause as Error).message})`;
      throw new RealmError(
        "unavailable",
        `the API cannot listen on ${hostname}:${at}${why}; choose another port with ${flag} HOST:PORT`,
        { cause },
      );
    }
  };
  let plain = listen(host, port, tls, "--api"), secured: readonly Started[] = [];
  try {
    if (secure) secured = listen(secure.host, secure.port, secure.tls, "--api-tls");
  } catch (error) {
    for (const { abort } of plain) abort.abort();
    throw error;
  }
  const renewed = async (old: readonly Started[], certificate: Tls) => {
    if (old.length === 0) return old;
    // A pair that does not fit must not cost the running server: try it on a port of its own first.
    await end([start(certificate, old[0].hostname, 0)]);
    await end(old);
    return await Promise.all(old.map((o) => again(() => start(certificate, o.hostname, o.port))));
  };
  return {
    url: `${tls ? "https" : "http"}://${urlHost(host)}:${plain[0].port}`,
    port: plain[0].port,
    securePort: secured[0]?.port,
    addresses: [...plain, ...secured].map((s) => `${urlHost(s.hostname)}:${s.port}`),
    async renew(next) {
      if (tls) plain = await renewed(plain, next);
      secured = await renewed(secured, next);
    },
    async [Symbol.asyncDispose]() {
      const all = [...plain, ...secured];
      ending.abort();
      if (sending.size > 0) {
        const late = Promise.withResolvers<void>(), timer = setTimeout(late.resolve, apiLimits.endMs);
        await Promise.race([Promise.all(sending), late.promise]);
        clearTimeout(timer);
        await new Promise((resolve) => setTimeout(resolve, WRITE_MS));
      }
      await end(all);
    },
  };
}
