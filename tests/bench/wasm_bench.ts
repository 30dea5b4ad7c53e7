/**
 * Components behind the gateway against `jco serve`, the same component in the same run: rounds alternate, the ratio is
 * taken round by round, the median counts. Gateway and runtime run in a process of their own, as in an agent.
 * By hand: `deno run -A tests/bench/wasm_bench.ts`. Needs node with npm, and the packages of suite `wasi`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { createBed, replica, route } from "../gateway_bed.ts";
import { sourceRuntime, specOf } from "../wasm_bed.ts";
import { measureRate } from "./load.ts";

/** Version of jco that is compared with. */
const JCO = "1.31.0";
const CONNECTIONS = 16;
const ROUND_SECONDS = 3;
const WARM_UP_SECONDS = 2;
const ROUNDS = 5;
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

type Instance = "reuse" | "per_request";

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

const load = async (port: number, seconds: number): Promise<number> =>
  (await measureRate(port, { seconds, connections: CONNECTIONS })).perSecond;

/** This process becomes a gateway with one component behind it; prints its port. */
async function serve(wasm: string, instance: Instance): Promise<void> {
  const runtime = sourceRuntime();
  const run = await runtime.start(specOf(wasm, { instance, maxConcurrency: CONNECTIONS }), (chunk) => {
    if (chunk.stream === "system") console.error(new TextDecoder().decode(chunk.bytes).trimEnd());
  });
  const { gateway, port } = await createBed().gateway("g");
  const local = { serve: run.serve.bind(run) };
  gateway.setRoutes({ routes: [route("app", [replica("r", "g", local)])] });
  console.log(port);
}

async function realm(wasm: string, instance: Instance): Promise<Contestant> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, "--serve", wasm, instance],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return {
    name: `realm ${instance}`,
    port: Number(new TextDecoder().decode(value)),
    async [Symbol.asyncDispose]() {
      child.kill();
      await reader.cancel();
      await child.status;
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
  // jco starts servers of its own: a process group, so that all of them end.
  const child = spawn(await jcoBinary(), args, { detached: true, stdio: "ignore" });
  const ended = once(child, "exit");
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
      process.kill(-child.pid!, "SIGKILL");
      await ended;
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
async function compare(ours: Contestant, other: Contestant, target: number): Promise<Comparison> {
  const figures = { ours: [] as number[], other: [] as number[] };
  await load(ours.port, WARM_UP_SECONDS);
  await load(other.port, WARM_UP_SECONDS);
  for (let round = 0; round < ROUNDS; round++) {
    figures.ours.push(await load(ours.port, ROUND_SECONDS));
    figures.other.push(await load(other.port, ROUND_SECONDS));
  }
  return {
    name: `${ours.name} against ${other.name}`,
    perSecond: median(figures.ours),
    otherPerSecond: median(figures.other),
    ratio: median(figures.ours.map((rate, i) => rate / figures.other[i]!)),
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

if (Deno.args[0] === "--serve") await serve(Deno.args[1]!, Deno.args[2] as Instance);
else if (import.meta.main) {
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
