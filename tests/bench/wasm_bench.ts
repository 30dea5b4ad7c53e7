/**
 * Components over HTTP against `jco serve`, the same component in the same run: rounds alternate, the median counts.
 * By hand: `deno run -A tests/bench/wasm_bench.ts`. Needs node with npm, and the packages of suite `wasi`.
 */
import { fileURLToPath } from "node:url";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { sourceRuntime, specOf } from "../wasm_bed.ts";

/** Version of jco that is compared with. */
const JCO = "1.31.0";
const CONNECTIONS = 16;
const ROUND_MS = 3_000;
const WARM_UP_MS = 1_500;
const ROUNDS = 3;
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A server under load. */
interface Contestant extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
}

/** One comparison and what it must reach. */
export interface Comparison {
  readonly name: string;
  readonly perSecond: number;
  readonly otherPerSecond: number;
  readonly ratio: number;
  readonly target: number;
}

async function load(port: number, ms: number): Promise<number> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", at("http_load.ts"), String(port), String(CONNECTIONS), String(ms)],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const result = JSON.parse(new TextDecoder().decode(stdout));
  if (result.errors > 0) throw new Error(`${result.errors} of ${result.requests} requests failed`);
  return result.requests / result.seconds;
}

async function realm(wasm: string, instance: "reuse" | "per_request"): Promise<Contestant> {
  const runtime = sourceRuntime();
  const run = await runtime.start(specOf(wasm, { instance, maxConcurrency: CONNECTIONS }), (chunk) => {
    if (chunk.stream === "system") console.error(new TextDecoder().decode(chunk.bytes).trimEnd());
  });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => run.fetch(request),
  );
  return {
    name: `realm ${instance}`,
    port: server.addr.port,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await runtime[Symbol.asyncDispose]();
    },
  };
}

async function jco(wasm: string, isolate: boolean): Promise<Contestant> {
  const listener = Deno.listen({ port: 0 });
  const { port } = listener.addr;
  listener.close();
  const args = [
    "serve",
    "--port",
    String(port),
    wasm,
    ...(isolate ? ["--isolate-requests", "instance"] : []),
  ];
  const child = new Deno.Command(await jcoBinary(), { args, stdout: "null", stderr: "null" }).spawn();
  const deadline = performance.now() + 60_000;
  while (true) {
    try {
      await (await fetch(`http://127.0.0.1:${port}/`)).text();
      break;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return {
    name: `jco serve${isolate ? " --isolate-requests instance" : ""}`,
    port,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

async function jcoBinary(): Promise<string> {
  const folder = at(`../../.cache/jco-${JCO}`);
  const binary = `${folder}/node_modules/.bin/jco`;
  try {
    await Deno.stat(binary);
  } catch {
    console.error(`installing jco ${JCO} into .cache`);
    const { success, stderr } = await new Deno.Command("npm", {
      args: ["install", "--no-audit", "--no-fund", "--prefix", folder, `@bytecodealliance/jco@${JCO}`],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }
  return binary;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Loads both in turns. */
async function compare(
  ours: Contestant,
  other: Contestant,
  target: number,
): Promise<Comparison> {
  const figures = { ours: [] as number[], other: [] as number[] };
  await load(ours.port, WARM_UP_MS);
  await load(other.port, WARM_UP_MS);
  for (let round = 0; round < ROUNDS; round++) {
    figures.ours.push(await load(ours.port, ROUND_MS));
    figures.other.push(await load(other.port, ROUND_MS));
  }
  const [perSecond, otherPerSecond] = [median(figures.ours), median(figures.other)];
  return {
    name: `${ours.name} against ${other.name}`,
    perSecond,
    otherPerSecond,
    ratio: perSecond / otherPerSecond,
    target,
  };
}

/** Both comparisons of the specification, with their targets. */
export async function benchWasm(): Promise<Comparison[]> {
  const { hello } = await buildWasmFixtures();
  const results: Comparison[] = [];
  for (const [instance, target] of [["reuse", 4], ["per_request", 3]] as const) {
    await using ours = await realm(hello, instance);
    await using other = await jco(hello, instance === "per_request");
    results.push(await compare(ours, other, target));
  }
  return results;
}

if (import.meta.main) {
  let missed = 0;
  for (const { name, perSecond, otherPerSecond, ratio, target } of await benchWasm()) {
    const verdict = ratio >= target ? "ok" : "MISSED";
    if (ratio < target) missed++;
    console.log(
      `${name}: ${perSecond.toFixed(0)} against ${otherPerSecond.toFixed(0)} requests/s, ` +
        `${ratio.toFixed(1)} × (target ${target} ×) ${verdict}`,
    );
  }
  Deno.exit(missed === 0 ? 0 : 1);
}
