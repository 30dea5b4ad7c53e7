/** What gateway tests share: gateways on loopback over a memory mesh, static sites, raw HTTP. */
import { createGateway, createStaticSite, type Gateway, type GatewayOptions } from "../agent/gateway/mod.ts";
import type {
  LocalReplica,
  ReplicaTarget,
  Route,
  StaticSite,
  StaticSiteSource,
} from "../agent/gateway/mod.ts";
import { digestOf } from "../agent/protocol/identity.ts";
import { fromUtf8, utf8 } from "../agent/protocol/encoding.ts";
import { createMemoryMesh, type MemoryMesh } from "./peer_streams.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Files in memory as a `StaticDisk`; counts reads. */
export function memoryDisk(): { files: Map<string, Bytes>; reads: number; disk: GatewayOptions["disk"] } {
  const files = new Map<string, Bytes>();
  const bed = {
    files,
    reads: 0,
    disk: {
      readFile(path: string) {
        bed.reads++;
        const bytes = files.get(path);
        return bytes ? Promise.resolve(bytes) : Promise.reject(new Error(`no ${path}`));
      },
      readStream(path: string, range: { start?: number; end?: number } = {}) {
        bed.reads++;
        const bytes = files.get(path)!.subarray(range.start ?? 0, range.end);
        let at = 0;
        return new ReadableStream<Uint8Array>({
          pull(c) {
            if (at >= bytes.length) return c.close();
            c.enqueue(bytes.slice(at, at + 65536));
            at += 65536;
          },
        });
      },
    },
  };
  return bed;
}

const logNothing = { debug() {}, info() {}, warn() {}, error() {} };
const clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** Gateways of several nodes in one process. */
export interface Bed extends AsyncDisposable {
  readonly mesh: MemoryMesh;
  readonly disk: ReturnType<typeof memoryDisk>;
  /** A gateway of node `id`, listening on a free port. */
  gateway(id: string, options?: Partial<GatewayOptions>): Promise<{ gateway: Gateway; port: number }>;
  /** A site of these files. */
  site(files: Readonly<Record<string, string | Bytes>>, options?: Partial<StaticSiteSource>): StaticSite;
}

let sites = 0;

/** Makes the bed. */
export function createBed(): Bed {
  const mesh = createMemoryMesh();
  const disk = memoryDisk();
  const open: Gateway[] = [];
  return {
    mesh,
    disk,
    async gateway(id, options = {}) {
      const gateway = await createGateway({
        listen: [{ hostname: "127.0.0.1", port: 0 }],
        streams: mesh.node(id),
        disk: disk.disk,
        clock,
        log: logNothing,
        ...options,
      });
      open.push(gateway);
      return { gateway, port: gateway.addresses[0].port };
    },
    site(files, options = {}) {
      const dir = `/packages/${sites++}`;
      const list = Object.entries(files).map(([path, content]) => {
        const bytes = typeof content === "string" ? utf8(content) as Bytes : content;
        disk.files.set(`${dir}/${path}`, bytes);
        return { path, digest: digestOf(bytes), size: bytes.length };
      });
      return createStaticSite({ dir, files: list, ...options });
    },
    async [Symbol.asyncDispose]() {
      for (const gateway of open) await gateway.close(0);
    },
  };
}

/** A replica that is ready. */
export const replica = (
  id: string,
  node: string,
  local?: LocalReplica,
  more: Partial<ReplicaTarget> = {},
): ReplicaTarget => ({ id, revision: "r1", node, ready: true, ...(local && { local }), ...more });

/** A route of `app` at `<app>.localhost`, and at the bare address for clients that resolve names. */
export const route = (app: string, replicas: readonly ReplicaTarget[], more: Partial<Route> = {}): Route => ({
  app,
  hosts: [app, "127.0.0.1"],
  replicas,
  ...more,
});

/** What came back over a raw connection. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Everything, as text. */
  readonly text: string;
  /** Whether the body was complete by its own framing. */
  readonly complete: boolean;
}

/** Sends bytes, reads until the server closes (or `ms` pass), and takes the first answer apart. */
export async function raw(port: number, request: string | Uint8Array, ms = 5_000): Promise<RawAnswer> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const timer = setTimeout(() => conn.close(), ms);
  let text = "";
  try {
    await conn.write(typeof request === "string" ? utf8(request) : request);
    const buffer = new Uint8Array(65536);
    for (;;) {
      const n = await conn.read(buffer);
      if (n === null) break;
      text += fromLatin(buffer.subarray(0, n));
    }
  } catch {
    // A reset ends it too.
  } finally {
    clearTimeout(timer);
    try {
      conn.close();
    } catch {
      // The timer was first.
    }
  }
  const [head, ...rest] = text.split("\r\n\r\n");
  const [line, ...fields] = head.split("\r\n");
  const headers = new Headers(
    fields.map((f) => [f.slice(0, f.indexOf(":")), f.slice(f.indexOf(":") + 1).trim()]),
  );
  const framed = rest.join("\r\n\r\n");
  const length = headers.get("content-length");
  const chunked = headers.get("transfer-encoding") === "chunked";
  const body = chunked ? dechunked(framed) : framed;
  const complete = chunked ? framed.endsWith("0\r\n\r\n") : length === null || body.length === Number(length);
  return { status: Number(line.split(" ")[1]), headers, body, text, complete };
}

function dechunked(framed: string): string {
  let out = "";
  for (let at = 0; at < framed.length;) {
    const line = framed.indexOf("\r\n", at);
    const size = parseInt(framed.slice(at, line), 16);
    if (line < 0 || !size) break;
    out += framed.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
  return out;
}

const fromLatin = (bytes: Uint8Array) => Array.from(bytes, (b) => String.fromCharCode(b)).join("");

/** One GET with any headers (fetch cannot set `Host`). */
export const get = (
  port: number,
  host: string,
  path: string,
  fields: Readonly<Record<string, string>> = {},
) =>
  raw(
    port,
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${
      Object.entries(fields).map(([k, v]) => `${k}: ${v}\r\n`).join("")
    }\r\n`,
  );

/** Waits for a condition; throws after `ms`. */
export async function until(what: string, condition: () => boolean, ms = 5_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export { fromUtf8, utf8 };
