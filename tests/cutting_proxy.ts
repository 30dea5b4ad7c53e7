/** A TCP proxy in front of a node that counts what passes towards it and cuts connections when told. For tests only. */

/** See the module's text. */
export interface CuttingProxy extends AsyncDisposable {
  readonly url: string;
  /** Bytes passed on towards the node, over all connections. */
  passed(): number;
  /** Passes `bytes` more towards the node and then holds everything back, until it is called again. */
  allow(bytes: number): void;
  /** Where connections go from now on. */
  to(url: string): void;
  /** Ends all connections at once. */
  cut(): void;
}

const PIECE_BYTES = 64 * 1024;

/** A proxy to the node's API at `url`, on a port of its own. */
export function createCuttingProxy(url: string): CuttingProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  let target = new URL(url), passed = 0, left = Infinity, more = Promise.withResolvers<void>();
  const shut = (conn: Deno.Conn) => {
    if (!open.delete(conn)) return;
    try {
      conn.close();
    } catch { /* the other side did */ }
  };
  async function copy(from: Deno.Conn, to: Deno.Conn, counted: boolean): Promise<void> {
    const buffer = new Uint8Array(PIECE_BYTES);
    try {
      for (;;) {
        const n = await from.read(buffer);
        if (n === null) break;
        for (let at = 0; at < n;) {
          while (counted && left === 0) await more.promise;
          const piece = counted ? Math.min(n - at, left) : n - at;
          const wrote = await to.write(buffer.subarray(at, at + piece));
          at += wrote;
          if (counted) {
            passed += wrote;
            left -= wrote;
          }
        }
      }
    } catch { /* one of both was cut */ }
    shut(from);
    shut(to);
  }
  const serving = (async () => {
    for await (const client of listener) {
      open.add(client);
      try {
        const node = await Deno.connect({ hostname: target.hostname, port: Number(target.port) });
        open.add(node);
        void copy(client, node, true);
        void copy(node, client, false);
      } catch {
        shut(client);
      }
    }
  })();
  return {
    url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    passed: () => passed,
    allow(bytes) {
      left = bytes;
      more.resolve();
      more = Promise.withResolvers();
    },
    to: (url) => void (target = new URL(url)),
    cut: () => [...open].forEach(shut),
    async [Symbol.asyncDispose]() {
      listener.close();
      left = Infinity;
      more.resolve();
      for (const conn of [...open]) shut(conn);
      await serving.catch(() => {});
    },
  };
}
