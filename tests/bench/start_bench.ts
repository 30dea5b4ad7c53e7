/**
 * Starts of the portable file with a warm cache: `realm up` until its API answers, `realm --version`; the file's size.
 * With files as arguments those are started in turn, to be compared; without, the one that is built here. Beside other
 * work, `chrt -f 10` in front of it (Linux, root) keeps that off the processor.
 */
import { executable } from "./executable.ts";
import { atMost, type Figure, median, note, pause } from "./figures.ts";

const ROUNDS = Number(Deno.env.get("REALM_BENCH_ROUNDS") ?? 16);
/** After the first starts, until the runtime has kept the code that it compiled. */
const WARM_MS = 3_000;
const LONGEST_MS = 20_000;

/** One file with its data directory, and the milliseconds that it took. */
interface Measured {
  readonly file: string;
  readonly dataDir: string;
  readonly listening: number[];
  readonly answered: number[];
  readonly version: number[];
}

/** Runs a command to its end, by `env`. Gives its milliseconds. */
async function run(file: string, args: readonly string[], env: Record<string, string>): Promise<number> {
  const started = performance.now();
  const { success, stderr } = await new Deno.Command(file, { args: [...args], env, stdin: "null" }).output();
  const ms = performance.now() - started;
  if (!success) throw new Error(`${file} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return ms;
}

/** Starts a node, waits until it says where it listens and answers there, stops it `restMs` later. */
async function up({ file, dataDir }: Measured, env: Record<string, string>, restMs: number) {
  const any = "127.0.0.1:0", agentFile = `${dataDir}/agent.json`;
  const args = ["up", "--data-dir", dataDir, "--listen", any, "--api", any, "--gateway", any, "--no-mdns"];
  const started = performance.now();
  const process = new Deno.Command(file, { args, env, stdin: "null", stdout: "null", stderr: "null" })
    .spawn();
  try {
    let text = "";
    while (!text.endsWith("\n")) {
      if (performance.now() - started > LONGEST_MS) throw new Error(`${file} does not listen`);
      await pause(1);
      text = await Deno.readTextFile(agentFile).catch(() => "");
    }
    const listening = performance.now() - started;
    const answer = await fetch(`${JSON.parse(text).api}/api/openapi.json`);
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`${file} answers ${answer.status}`);
    const answered = performance.now() - started;
    await pause(restMs);
    return { listening, answered };
  } finally {
    process.kill("SIGTERM");
    await process.status;
  }
}

async function measure(files: readonly string[], folder: string): Promise<Measured[]> {
  const env = { REALM_CACHE_DIR: `${folder}/cache`, NO_COLOR: "1" };
  const all: Measured[] = [];
  for (const [k, file] of files.entries()) {
    const one = { file, dataDir: `${folder}/${k}`, listening: [], answered: [], version: [] };
    await run(file, ["init", "--data-dir", one.dataDir], env);
    for (const _ of [1, 2]) await up(one, env, WARM_MS);
    all.push(one);
  }
  for (let round = 0; round < ROUNDS; round++) {
    // Each is first and last as often as the others.
    for (const k of all.keys()) {
      const one = all[(k + round) % all.length];
      const { listening, answered } = await up(one, env, 200);
      one.listening.push(listening);
      one.answered.push(answered);
      one.version.push(await run(one.file, ["--version"], env));
    }
  }
  return all;
}

/** Measures and prints. */
async function benchStarts(given: readonly string[]): Promise<Figure[]> {
  const files = given.length > 0 ? given : [await executable()];
  const folder = await Deno.makeTempDir({ prefix: "realm-starts-" });
  const figures: Figure[] = [];
  try {
    for (const { file, listening, answered, version } of await measure(files, folder)) {
      const least = (of: readonly number[]) => `least ${Math.min(...of).toFixed(0)} ms`;
      figures.push(
        note("file", file),
        atMost("size", (await Deno.stat(file)).size / 1e6, 45, "MB"),
        atMost("realm up: start to listening, warm, median", median(listening), 350, "ms", least(listening)),
        note(
          "realm up: start to the API's first answer",
          `${median(answered).toFixed(0)} ms`,
          least(answered),
        ),
        atMost("realm --version, warm, median", median(version), 80, "ms", least(version)),
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
    if (given.length === 0) {
      await Deno.remove(files[0].slice(0, files[0].lastIndexOf("/")), { recursive: true });
    }
  }
  return figures;
}

if (import.meta.main) {
  const figures = await benchStarts(Deno.args);
  Deno.exit(figures.every(({ holds }) => holds !== false) ? 0 : 1);
}
