/**
 * `deno task bench [name…]`: benchmarks, one after the other, each in a process of its own; without a name all of them.
 * Ends with 1 when a bound does not hold. What the figures were, on which machine: `BENCHMARKS.md`.
 */
import { fileURLToPath } from "node:url";

interface Bench {
  readonly file: string;
  readonly args?: readonly string[];
  readonly what: string;
}

const benches: Readonly<Record<string, Bench>> = {
  gateway: { file: "gateway_bench.ts", what: "static files against a bare Deno.serve" },
  wasm: { file: "wasm_bench.ts", what: "components against jco serve" },
  mesh: { file: "mesh_bench.ts", what: "forming, idle cost, fifty agents" },
  deploy: { file: "deploy_bench.ts", what: "a 1 MB component app to three nodes" },
  jobs: { file: "job_bench.ts", what: "submit to first log line, many short jobs" },
  failover: { file: "failover_bench.ts", what: "kill -9 under load" },
  dashboard: { file: "dashboard_bench.ts", what: "first paint, and a big realm in the page" },
  cli: { file: "cli_bench.ts", what: "start of the command line" },
  starts: { file: "start_bench.ts", what: "the portable file: start to listening, --version, size" },
  storage: { file: "storage_bench.ts", what: "blobs: writing, reading, between nodes" },
  soak: { file: "soak_bench.ts", what: "work without pause: nothing grows" },
  sim: {
    file: "../sim/main.ts",
    args: ["--nodes", "1000", "--seed", "1"],
    what: "a thousand nodes in virtual time",
  },
};
/** The gateway's bounds of the specification are on both. */
const together: Readonly<Record<string, readonly string[]>> = { gateway: ["gateway", "wasm"] };

/** Not without being asked for: the one belongs to another, the other takes as long as it is told to. */
const apart = ["wasm", "soak"];

const asked = Deno.args.length > 0 ? Deno.args : Object.keys(benches).filter((n) => !apart.includes(n));
const unknown = asked.find((name) => !(name in benches));
if (unknown !== undefined) {
  console.error(`no benchmark ${unknown}; there are: ${Object.keys(benches).join(", ")}`);
  Deno.exit(2);
}
const missed: string[] = [];
for (const name of asked.flatMap((n) => together[n] ?? [n])) {
  const { file, args = [], what } = benches[name];
  console.log(`\n${name}: ${what}`);
  const started = performance.now();
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", path, ...args],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) missed.push(name);
  console.log(
    `  ${code === 0 ? "done" : `ended with ${code}`} in ${
      ((performance.now() - started) / 1_000).toFixed(0)
    } s`,
  );
}
console.log(missed.length === 0 ? "\nevery bound holds" : `\nnot every bound holds: ${missed.join(", ")}`);
Deno.exit(missed.length === 0 ? 0 : 1);
