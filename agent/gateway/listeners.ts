/** The sockets of the gateway: one server per address, replaced when its certificate changes. */
import { RealmError } from "../protocol/errors.ts";
import type { Log } from "../ports.ts";
import {
  type Certificate,
  type CertificateFiles,
  readCertificate,
  watchCertificate,
} from "./certificate_files.ts";
import { onBothFamilies } from "./families.ts";

/** An address to listen at. */
export interface Listen {
  /** Loopback and the wildcard of IPv4 mean both address families: see `onBothFamilies`. */
  readonly hostname: string;
  /** 0: a free port. */
  readonly port: number;
  /** Serve HTTPS (HTTP/1.1 and HTTP/2) with these files. */
  readonly tls?: CertificateFiles;
}

/** Answers one request. */
export type Handler = (
  request: Request,
  info: Deno.ServeHandlerInfo<Deno.NetAddr>,
  proto: "http" | "https",
) => Response | Promise<Response>;

/** A listening address: one socket per family. */
export interface Listener {
  readonly addresses: readonly { readonly hostname: string; readonly port: number }[];
  /** Stops accepting and resolves when all requests in work have ended. */
  shutdown(): Promise<void>;
  /** Stops at once, connections included. Not after `shutdown`: the runtime cannot, requests must end by themselves. */
  abort(): void;
}

/** Starts to listen. Throws `RealmError`: `unavailable` when the address cannot be had, `not_found` without files. */
export async function listen(address: Listen, handler: Handler, log: Log): Promise<Listener> {
  const tls = address.tls;
  const proto = tls ? "https" : "http";
  const start = (certificate: Certificate | undefined, hostname: string, port: number) => {
    const aborted = new AbortController();
    const server = Deno.serve({
      hostname,
      port,
      ...certificate,
      signal: aborted.signal,
      onListen: () => {},
      // Only what was sent cut short comes here; the handler itself never throws.
      onError: () => new Response(null, { status: 500 }),
    }, (request, info) => handler(request, info, proto));
    return { server, aborted, hostname, port: server.addr.port };
  };

  const certificate = tls && await readCertificate(tls);
  let current: readonly ReturnType<typeof start>[];
  try {
    current = onBothFamilies(
      address.hostname,
      address.port,
      (hostname, port) => start(certificate, hostname, port),
      ({ aborted }) => aborted.abort(),
    );
  } catch (cause) {
    const where = `${address.hostname}:${address.port}`;
    const taken = cause instanceof Deno.errors.AddrInUse;
    const why = taken ? "another program does" : cause instanceof Error ? cause.message : String(cause);
    throw new RealmError(
      "unavailable",
      `the gateway cannot listen on ${where}: ${why}; free the port or choose another with --gateway HOST:PORT`,
      { cause },
    );
  }
  let stopped = false;
  const addresses = current.map(({ hostname, port }) => ({ hostname, port }));
  const stopWatching = !tls || !certificate ? () => {} : watchCertificate(tls, certificate, async (next) => {
    // A pair that does not fit must not cost the running listener: try it on a port of its own first.
    await start(next, addresses[0].hostname, 0).server.shutdown();
    if (stopped) return;
    for (const { server } of current) server.shutdown().catch(() => {});
    current = await Promise.all(addresses.map(({ hostname, port }) => restart(next, hostname, port)));
  }, log);

  /** The old socket closes within the next turns of the event loop; connections under way stay with the old server. */
  async function restart(next: Certificate, hostname: string, port: number) {
    for (let attempt = 0;; attempt++) {
      try {
        return start(next, hostname, port);
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse) || attempt >= 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  return {
    addresses,
    async shutdown() {
      stopWatching();
      stopped = true;
      await Promise.all(current.map(({ server }) => server.shutdown()));
    },
    abort() {
      stopWatching();
      if (!stopped) { for (const { aborted } of current) aborted.abort(); }
      stopped = true;
    },
  };
}
