/** Jobs: from submitting to the first line of the log on a warm node, and many short ones over three nodes. */
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { provideSystemPackages } from "../provide.ts";
import { digestOf, type JobRunSpec, runIdsOf } from "../../mod.ts";
import { atMost, type Figure, median, note, show } from "./figures.ts";

const ROUNDS = 50;
const SHORT_JOBS = 100;

const specOf = (wasm: Uint8Array, job: string): JobRunSpec => ({
  job,
  matrix: {},
  priority: 50,
  labels: {},
  needs: [],
  runtime: "wasm",
  program: { digest: digestOf(wasm), bytes: wasm.length, name: "command.wasm" },
  memory_mb: 32,
  disk_mb: 16,
  args: ["hello"],
  env: { WHO: "bench" },
  working_dir: "/",
  timeout_ms: 60_000,
  platform: "any",
  tags: [],
  node_ids: [],
  spread: false,
  inputs: [],
  outputs: [],
  retry: { max: 0, on: [], backoff_ms: 0 },
  fail_fast: false,
  log: { retention_ms: 86_400_000, max_bytes: 1 << 20 },
});

/** The same as a program of the operating system. */
const nativeSpec = (): JobRunSpec => {
  const { program: _, ...spec } = specOf(new Uint8Array(), "native");
  const echo = { argv: ["/bin/echo", "hello"], go_on: false };
  return {
    ...spec,
    runtime: "native",
    native: { steps: [echo], pids: 64, network: "none", read: [], minimum: "floor" },
    args: [],
  };
};

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
  const spec = specOf(wasm, "bench");
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

async function manyShort(wasm: Uint8Array): Promise<number> {
  await using cluster = await Cluster.start({ nodes: 3 });
  const [node] = cluster.nodes;
  const client = cluster.client(node);
  await client.realm();
  const spec = specOf(wasm, "short");
  await client.upload(spec.program!.digest, wasm);
  await firstLine(cluster, node, spec);
  const started = performance.now();
  for (let i = 0; i < SHORT_JOBS / 25; i++) {
    await client.command("job.submit", { runs: Array.from({ length: 25 }, () => spec) });
  }
  await eventually("all short jobs end", async () => {
    const runs = await client.runs({ job: "short", state: "succeeded", limit: 1_000 });
    return runs.length === SHORT_JOBS + 1;
  }, 180_000);
  return SHORT_JOBS / ((performance.now() - started) / 1_000);
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
  const rate = await manyShort(wasm);
  const native = Deno.build.os === "linux" ? await measureNative() : undefined;
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
  ];
}

if (import.meta.main) {
  const figures = await benchJobs();
  Deno.exit(figures.every((f) => f.holds !== false) ? 0 : 1);
}
