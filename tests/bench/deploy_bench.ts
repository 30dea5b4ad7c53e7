/**
 * A deploy of a 1 MB component app to three nodes: from the command (a process of its own) to the last healthy replica,
 * and the bytes that a redeploy with one changed small file moves. By hand: `deno task bench deploy`.
 */
import { createDisk, createHasher } from "../../agent/platform/mod.ts";
import { packageBlobs, readPackage } from "../../mod.ts";
import { Cluster } from "../cluster.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { provideSystemPackages } from "../provide.ts";
import { buildPackage, SIZES } from "./deploy_package.ts";
import { atMost, type Figure, median, note } from "./figures.ts";
import { meshBytes } from "./mesh_bytes.ts";

const ROUNDS = 3;

interface Deployed {
  readonly ms: number;
  /** Bytes uploaded to the first node. */
  readonly uploaded: number;
  /** Bytes between the nodes; `undefined` where the kernel cannot be asked. */
  readonly mesh: number | undefined;
}

async function deploy(cluster: Cluster, path: string): Promise<Deployed> {
  const client = cluster.client(cluster.nodes[0]);
  const reader = await readPackage({ disk: createDisk(), hasher: createHasher() }, path);
  const blobs = packageBlobs(reader);
  const missing = new Set(await client.missing(blobs.map((b) => b.digest)));
  const nodes = await client.nodes();
  const ports = nodes.flatMap((n) => n.info?.addresses ?? []).map((a) => Number(/\/tcp\/(\d+)/.exec(a)?.[1]));
  const pids = cluster.nodes.map((n) => n.pid);
  const before = await meshBytes(pids, ports);
  const started = performance.now();
  await cluster.realm("deploy", path, "--replicas", "3");
  const ms = performance.now() - started;
  const after = await meshBytes(pids, ports);
  return {
    ms,
    uploaded: blobs.filter((b) => missing.has(b.digest)).reduce((n, b) => n + b.size, 0),
    mesh: before === undefined || after === undefined ? undefined : after - before,
  };
}

const kb = (bytes: number) => `${(bytes / 1_000).toFixed(0)} kB`;

/** Measures and prints. */
export async function benchDeploy(): Promise<Figure[]> {
  if (!await provideSystemPackages("wasi", console.log)) {
    return [note("deploy", "left out: needs clang, lld, wasi-libc and libclang-rt-14-dev-wasm32")];
  }
  const wasm = await Deno.readFile((await buildWasmFixtures()).hello);
  await using cluster = await Cluster.start({ nodes: 3 });
  const first: Deployed[] = [], second: Deployed[] = [];
  // The first deploy of all compiles the command line and the host of guests: warm means after it.
  await deploy(cluster, await buildPackage(cluster.root, "warm-up", 1, wasm, 99));
  for (let round = 0; round < ROUNDS; round++) {
    const name = `bench-${round}`;
    first.push(await deploy(cluster, await buildPackage(cluster.root, name, 1, wasm, round)));
    second.push(await deploy(cluster, await buildPackage(cluster.root, name, 2, wasm, round)));
  }
  const all = (list: readonly Deployed[]) => list.map((d) => Math.round(d.ms)).join(", ");
  const figures = [
    atMost(
      "1 MB component app to 3 nodes, command to last healthy",
      median(first.map((d) => d.ms)) / 1_000,
      3,
      "s",
      `${ROUNDS} rounds: ${all(first)} ms`,
    ),
    note(
      "the same with one changed file, rolling",
      `${(median(second.map((d) => d.ms)) / 1_000).toFixed(2)} s`,
    ),
    atMost(
      "redeploy with one changed file of 8 kB: content uploaded",
      100 * median(second.map((d) => d.uploaded)) / SIZES.package,
      5,
      "%",
      `${kb(median(second.map((d) => d.uploaded)))} of ${kb(median(first.map((d) => d.uploaded)))}`,
    ),
  ];
  // Upload and everything between the nodes meanwhile: content, records, probes, encryption.
  const [whole, changed] = [first, second].map((list) =>
    list.flatMap((d) => d.mesh === undefined ? [] : [d.uploaded + d.mesh])
  );
  if (whole.length > 0 && changed.length > 0) {
    figures.push(atMost(
      "… upload and all traffic between the three nodes",
      100 * median(changed) / median(whole),
      5,
      "%",
      `${kb(median(changed))} of ${kb(median(whole))}`,
    ));
  }
  return figures;
}

if (import.meta.main) {
  const figures = await benchDeploy();
  Deno.exit(figures.every((f) => f.holds !== false) ? 0 : 1);
}
