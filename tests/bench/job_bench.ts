/** Jobs: from submitting to the first line of the log on a warm node, and many short ones over three nodes. */
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { provideSystemPackages } from "../provide.ts";
import { type JobRunSpec, runIdsOf } from "../../mod.ts";
import { atMost, type Figure, median, note, show } from "./figures.ts";
import { nativeSpec, wasmSpec } from "./job_specs.ts";

const ROUNDS = 50;
const SHORT_JOBS = 100;

/** From signing a submission to the program's first line in the log, as a client at `node` sees it, in ms. */
async function firstLine(cluster: Cluster, node: ClusterNode, spec: JobRunSpec): Promise<number> {
  const client = cluster.client(node);
  const started = performance.now();
  const { id } = await client.command("job.submit", { runs: [spec] });
  const [run] = runIdsOf(id, [spec]);
  let ms: number | undefined;
  for await (const { stream } of client.runLogs(run, { follow: true })) {
    if (stream === "stdout") ms ??= performance.now() - started;
  }
  return ms!;
}

async function measure(nodes: number, wasm: Uint8Array): Promise<number[]> {
  await using cluster = await Cluster.start({ nodes });
  const [node] = cluster.nodes;
  await cluster.client(node).realm();
  const spec = wasmSpec(wasm, "bench");
  await cluster.client(node).upload(spec.program!.digest, wasm);
  return await rounds(cluster, node, spec);
}

async function rounds(cluster: Cluster, node: ClusterNode, spec: JobRunSpec): Promise<number[]> {
  for (let i = 0; i < 5; i++) await firstLine(cluster, node, spec);
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) times.push(await firstLine(cluster, node, spec));
  return times;
}

/** Times of native runs, and the sandbox that they had: the node's strongest, which takes longest to make. */
async function measureNative(): Promise<{ readonly times: number[]; readonly level: string }> {
  await using cluster = await Cluster.start({ nodes: 1 });
  const [node] = cluster.nodes;
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const times = await rounds(cluster, node, nativeSpec());
  const [run] = await cluster.client(node).runs({ job: "native", limit: 1 });
  return { times, level: run.attempts[0].report?.level ?? "unknown" };
}

/** Processor time of the nodes' agents and all that they started, ended processes too, in ms; proc(5), 10 ms a tick. */
function processorMs(cluster: Cluster): number {
  if (Deno.build.os !== "linux") return NaN;
  const parents = new Map<number, number>(), spent = new Map<number, number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const text = Deno.readTextFileSync(`/proc/${name}/stat`);
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
      parents.set(Number(name), fields[1]);
      spent.set(Number(name), 10 * (fields[11] + fields[12] + fields[13] + fields[14]));
    } catch { /* it has just ended */ }
  }
  const agents = new Set(cluster.nodes.map((n) => n.pid));
  let sum = 0;
  for (const [pid, parent] of parents) if (agents.has(pid) || agents.has(parent)) sum += spent.get(pid)!;
  return sum;
}

/** Jobs a second, and processor time of one job, ms. */
async function manyShort(wasm: Uint8Array): Promise<{ rate: number; cpuMs: number }> {
  await using cluster = await Cluster.start({ nodes: 3 });
  const [node] = cluster.nodes;
  const client = cluster.client(node);
  await client.realm();
  const spec = wasmSpec(wasm, "short");
  await client.upload(spec.program!.digest, wasm);
  const lots = async (job: string, count: number) => {
    for (let i = 0; i < count / 25; i++) {
      await client.command("job.submit", { runs: Array.from({ length: 25 }, () => ({ ...spec, job })) });
    }
    await eventually(`all ${job} jobs end`, async () => {
      const open = await client.runs({ job, state: "open", limit: 1 });
      return open.length === 0 && (await client.runs({ job, limit: 1_000 })).length === count;
    }, 180_000);
  };
  // All three nodes are warm then.
  await lots("before", 25);
  const started = performance.now(), spent = processorMs(cluster);
  await lots("short", SHORT_JOBS);
  const seconds = (performance.now() - started) / 1_000;
  return { rate: SHORT_JOBS / seconds, cpuMs: (processorMs(cluster) - spent) / SHORT_JOBS };
}

/** Measures and prints. */
export async function benchJobs(): Promise<Figure[]> {
  if (!await provideSystemPackages("wasi", console.log)) {
    return [note("jobs", "left out: needs clang, lld, wasi-libc and libclang-rt-14-dev-wasm32")];
  }
  const wasm = await Deno.readFile((await buildWasmFixtures()).commandModule);
  const spread = (t: readonly number[]) =>
    `p50 of ${t.length}; ${Math.round(Math.min(...t))} to ${Math.round(Math.max(...t))} ms`;
  const one = await measure(1, wasm);
  const three = await measure(3, wasm);
  const native = Deno.build.os === "linux" ? await measureNative() : undefined;
  const { rate, cpuMs } = await manyShort(wasm);
  return [
    atMost("submit to first log line, wasm, one node", median(one), 120, "ms", spread(one)),
    atMost(
      "the same in a mesh of three: more than on one",
      median(three) - median(one),
      150,
      "ms",
      spread(three),
    ),
    ...(native
      ? [atMost(
        `submit to first log line, native, one node, sandbox ${native.level}`,
        median(native.times),
        150,
        "ms",
        spread(native.times),
      )]
      : [note("native", "left out: only on Linux so far")]),
    show({
      name: `${SHORT_JOBS} short wasm jobs over three nodes`,
      value: `${rate.toFixed(1)} jobs/s`,
      bound: "≥ 20 jobs/s",
      holds: rate >= 20,
    }),
    // What a machine that does other things as well cannot distort: 100 ms of two cores are 20 jobs a second.
    atMost("processor time of one of them, all nodes together", cpuMs, 100, "ms"),
  ];
}

if (import.meta.main) {
  const figures = await benchJobs();
  Deno.exit(figures.every((f) => f.holds !== false) ? 0 : 1);
}
