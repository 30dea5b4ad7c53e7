/**
 * `deno task bench storage`: the blob store beside `sha256sum` of the same bytes on the same disk, and a transfer between
 * two stores in one process (`--json` for programs). Peak memory is part of the result: it must not grow with the blob.
 */
import type { BlobStore } from "../../agent/storage/mod.ts";
import { createBlobExchange, openBlobStore } from "../../agent/storage/mod.ts";
import { createDisk, createHasher } from "../../agent/platform/mod.ts";
import { noise, silentLog } from "../content.ts";
import { createMemoryMesh } from "../peer_streams.ts";

/** What one measurement gives; rates in MB (10^6 bytes) per second. */
export interface StorageFigures {
  readonly megabytes: number;
  readonly putRate: number;
  readonly putAgainRate: number;
  readonly getRate: number;
  readonly transferRate: number;
  readonly smallPerSecond: number;
  readonly sha256sumRate: number | undefined;
  /** Growth of the resident set at its peak while putting, getting and transferring, bytes. */
  readonly peakGrowth: { readonly put: number; readonly get: number; readonly transfer: number };
}

const PIECE = 64 * 1024;

/** `bytes` of noise, made piece by piece: one 4 MiB block, each time with another start. */
function source(bytes: number, seed: number): ReadableStream<Uint8Array> {
  const block = noise(4 << 20, seed);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes) return controller.close();
      const piece = block.slice(at % block.length, at % block.length + Math.min(PIECE, bytes - at));
      new DataView(piece.buffer).setUint32(0, Math.imul(at, 2654435761) ^ seed);
      new DataView(piece.buffer).setUint32(piece.length >> 1, Math.imul(at, 40503) ^ seed);
      at += PIECE;
      controller.enqueue(piece);
    },
  }, { highWaterMark: 0 });
}

async function drain(stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const _ of stream);
}

async function rateOf(bytes: number, work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return bytes / 1000 / (performance.now() - start);
}

async function sha256sumRate(bytes: number, file: string): Promise<number | undefined> {
  const output = await Deno.open(file, { write: true, create: true });
  await source(bytes, 1).pipeTo(output.writable);
  try {
    return await rateOf(
      bytes,
      () => new Deno.Command("sha256sum", { args: [file], stdout: "null" }).output(),
    );
  } catch {
    return undefined;
  }
}

/** Measures with a blob of `megabytes`. */
export async function measureStorage(megabytes: number): Promise<StorageFigures> {
  const directory = await Deno.makeTempDir({ prefix: "realm-bench-" }), bytes = megabytes * 1_000_000;
  const base = Deno.memoryUsage().rss;
  let peak = base;
  const growth = () => {
    const grown = peak - base;
    peak = base;
    return grown;
  };
  const sampling = setInterval(() => peak = Math.max(peak, Deno.memoryUsage().rss), 20);
  const mesh = createMemoryMesh(), disk = createDisk();
  const open = (name: string) =>
    openBlobStore({
      disk,
      hasher: createHasher(),
      directory: `${directory}/${name}`,
      now: Date.now,
      log: silentLog,
      quotaBytes: () => Number.MAX_SAFE_INTEGER,
    });
  const join = (store: BlobStore, id: string) =>
    createBlobExchange({
      store,
      streams: mesh.node(id),
      members: mesh.members,
      clock: { now: Date.now, monotonic: () => performance.now() },
      random: { next: Math.random, bytes: (n) => crypto.getRandomValues(new Uint8Array(n)) },
      log: silentLog,
    });
  try {
    await using a = await open("a");
    await using b = await open("b");
    await using exchangeA = join(a, "a");
    await using exchangeB = join(b, "b");
    let digest = "";
    const putRate = await rateOf(bytes, async () => digest = (await a.write(source(bytes, 1))).digest);
    const put = growth();
    const putAgainRate = await rateOf(bytes, () => a.write(source(bytes, 1)));
    const getRate = await rateOf(bytes, () => drain(a.read(digest)));
    const get = growth();
    const transferRate = await rateOf(bytes, () => exchangeB.fetch(digest, { holders: ["a"] }));
    const transfer = growth();
    const small: string[] = [];
    for (let i = 0; i < 500; i++) {
      small.push((await a.write(new Blob([noise(8000, i + 5) as BlobPart]).stream())).digest);
    }
    await exchangeA.flush();
    const smallRate = await rateOf(500e6, () => exchangeB.fetchMany(small, { holders: ["a"] }));
    clearInterval(sampling);
    return {
      megabytes,
      putRate,
      putAgainRate,
      getRate,
      transferRate,
      smallPerSecond: smallRate,
      sha256sumRate: await sha256sumRate(bytes, `${directory}/plain`),
      peakGrowth: { put, get, transfer },
    };
  } finally {
    clearInterval(sampling);
    await Deno.remove(directory, { recursive: true });
  }
}

if (import.meta.main) {
  const megabytes = Number(Deno.args.find((a) => /^\d+$/.test(a)) ?? 256);
  const figures = await measureStorage(megabytes);
  if (Deno.args.includes("--json")) console.log(JSON.stringify(figures));
  else {
    const reference = figures.sha256sumRate;
    const ratio = (rate: number) => reference ? ` (${(rate / reference).toFixed(2)} × sha256sum)` : "";
    console.log(`one blob of ${megabytes} MB, real disk, durable writes`);
    if (reference) console.log(`  sha256sum           ${reference.toFixed(0)} MB/s`);
    console.log(`  put                 ${figures.putRate.toFixed(0)} MB/s${ratio(figures.putRate)}`);
    console.log(
      `  put again (there)   ${figures.putAgainRate.toFixed(0)} MB/s${ratio(figures.putAgainRate)}`,
    );
    console.log(`  get, verified       ${figures.getRate.toFixed(0)} MB/s${ratio(figures.getRate)}`);
    console.log(
      `  transfer in memory  ${figures.transferRate.toFixed(0)} MB/s${ratio(figures.transferRate)}`,
    );
    console.log(`  small blobs fetched ${figures.smallPerSecond.toFixed(0)} per second (8 kB each, durable)`);
    const { put, get, transfer } = figures.peakGrowth;
    const mb = (n: number) => (n / 1e6).toFixed(0);
    console.log(
      `  memory growth       put ${mb(put)}, get ${mb(get)}, transfer ${mb(transfer)} MB (both ends here)`,
    );
  }
  Deno.exit(0);
}
