/**
 * Start-up of the command line from source with a warm cache, beside a program that only prints: the figures that a
 * person feels. `realm --help` within 60 ms, `realm app list` within 120 ms on an idle machine.
 */
import { CliBed } from "../cli_bed.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const ROUNDS = Number(Deno.env.get("REALM_BENCH_ROUNDS") ?? 15);

/** Wall-clock milliseconds of one run; a failed one has no time. */
async function timed(args: readonly string[], env: Record<string, string>): Promise<number> {
  const started = performance.now();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", ...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const ms = performance.now() - started;
  if (!success) throw new Error(`${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
  return ms;
}

/** Measures and prints; gives whether both limits hold. The least time counts: it is the one without other load. */
export async function benchCli(): Promise<boolean> {
  await using bed = await CliBed.open();
  const hello = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(hello, 'console.log("hello");\n');
  const env = { REALM_DATA_DIR: bed.dataDir };
  const cases = [
    { name: "hello world", args: [hello], limit: Infinity },
    { name: "realm --help", args: [MAIN, "--help"], limit: 60 },
    { name: "realm app list", args: [MAIN, "app", "list"], limit: 120 },
  ];
  const times = cases.map(() => [] as number[]);
  try {
    for (const { args } of cases) await timed(args, env);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [k, { args }] of cases.entries()) times[k].push(await timed(args, env));
    }
  } finally {
    await Deno.remove(hello);
  }
  let holds = true;
  for (const [k, { name, limit }] of cases.entries()) {
    const sorted = times[k].toSorted((a, b) => a - b);
    const least = sorted[0], median = sorted[sorted.length >> 1];
    const ok = least <= limit;
    holds &&= ok;
    const wanted = limit === Infinity ? "" : `   wanted ≤ ${limit} ms: ${ok ? "yes" : "NO"}`;
    console.log(
      `${name.padEnd(16)} least ${least.toFixed(0).padStart(4)} ms   median ${
        median.toFixed(0).padStart(4)
      } ms${wanted}`,
    );
  }
  return holds;
}

if (import.meta.main) Deno.exit(await benchCli() ? 0 : 1);
