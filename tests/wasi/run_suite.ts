/**
 * Runs a directory of preview 1 test cases in the form of the public wasi-testsuite: each `NAME.wasm`, with an optional
 * `NAME.json` beside it that may give `args`, `env`, `dirs` (preopened under the same name, relative to the directory),
 * `root` (preopened as `/`), `stdin`, `exit_code`, `stdout` and `stderr`; or the same as a list of `operations`. A case
 * without a JSON is run without any directory and, should it fail, with an empty one as `/`: older suites mean the
 * former, newer ones the latter.
 *
 *     deno run -A tests/wasi/run_suite.ts DIR… [--only TEXT]
 *
 * Each case is a command of the `wasm` runtime, in a child process as an app or a job has it. Directories of the suite
 * are copied first, so that a case starts from what the suite ships. Exit code 1 when a case fails, 2 when there is none.
 */
import type { ExitReport, RunSpec, Runtime, RuntimeMount } from "../../agent/runtimes/runtime.ts";
import { sourceRuntime, specOf, startRun } from "../wasm_bed.ts";

/** What a case's JSON may say. */
interface Specification {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly dirs?: readonly string[];
  readonly root?: string;
  readonly stdin?: string;
  readonly exit_code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
}
/** A case that was run; `failures` is empty when it passed. */
export interface CaseResult {
  readonly name: string;
  readonly failures: readonly string[];
}

const CASE_TIMEOUT_MS = 30_000;
const CASE_MEMORY_MB = 256;
/** Stands for an empty directory of its own. */
const EMPTY = "";

/** Runs all cases of a directory whose name contains `only`. */
export async function runSuite(directory: string, only = ""): Promise<readonly CaseResult[]> {
  const names = [...Deno.readDirSync(directory)].map((e) => e.name)
    .filter((n) => n.endsWith(".wasm") && n.includes(only)).sort();
  const results: CaseResult[] = [];
  await using runtime = sourceRuntime();
  for (const name of names) results.push(await runCase(runtime, directory, name.slice(0, -".wasm".length)));
  return results;
}

async function runCase(runtime: Runtime, directory: string, name: string): Promise<CaseResult> {
  let spec: Specification | undefined;
  try {
    spec = await specification(`${directory}/${name}.json`);
  } catch (error) {
    return { name, failures: [`specification: ${error}`] };
  }
  const run = (spec: Specification) => runSpecified(runtime, directory, name, spec);
  if (spec !== undefined) return await run(spec);
  const bare = await run({});
  if (bare.failures.length === 0) return bare;
  const rooted = await run({ root: EMPTY });
  if (rooted.failures.length === 0) return rooted;
  const told = (failures: readonly string[], how: string) => failures.map((failure) => `${how}: ${failure}`);
  return {
    name,
    failures: [...told(bare.failures, "without /"), ...told(rooted.failures, "with an empty /")],
  };
}

async function runSpecified(
  runtime: Runtime,
  directory: string,
  name: string,
  spec: Specification,
): Promise<CaseResult> {
  const scratch = await Deno.realPath(await Deno.makeTempDir());
  try {
    const mounts: RuntimeMount[] = [];
    const given = [
      ...(spec.dirs ?? []).map((d) => [d, d]),
      ...(spec.root === undefined ? [] : [[spec.root, "/"]]),
    ];
    for (const [index, [from, guest]] of given.entries()) {
      const host = `${scratch}/${index}`;
      if (from === EMPTY) await Deno.mkdir(host);
      else await copy(`${directory}/${from}`, host);
      mounts.push({ guest: guest!, host, readOnly: false });
    }
    const result = await execute(runtime, {
      id: name,
      mode: "command",
      wasm: await Deno.realPath(`${directory}/${name}.wasm`),
      cacheDir: scratch,
      args: [`${name}.wasm`, ...(spec.args ?? [])],
      env: spec.env ?? {},
      mounts,
      memoryMb: CASE_MEMORY_MB,
      stdin: new Blob([spec.stdin ?? ""]).stream(),
      timeoutMs: CASE_TIMEOUT_MS,
      wholeLog: true,
    });
    const failures: string[] = [];
    const expected = spec.exit_code ?? 0;
    const { report } = result;
    const end = report.reason === "exited" ? report.code : `${report.reason} (${report.message})`;
    if (end !== expected) failures.push(`exit code: expected ${expected}, got ${end}`);
    for (const stream of ["stdout", "stderr"] as const) {
      if (spec[stream] !== undefined && spec[stream] !== result[stream]) {
        failures.push(
          `${stream}: expected ${JSON.stringify(spec[stream])}, got ${JSON.stringify(result[stream])}`,
        );
      }
    }
    if (failures.length > 0 && result.stderr !== "") failures.push(`stderr: ${result.stderr.trim()}`);
    return { name, failures };
  } catch (error) {
    return { name, failures: [String(error)] };
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

async function execute(
  runtime: Runtime,
  spec: Partial<RunSpec> & { readonly wasm: string },
): Promise<{ readonly report: ExitReport; readonly stdout: string; readonly stderr: string }> {
  await using started = await startRun(runtime, specOf(spec.wasm, spec));
  const report = await started.run.exit;
  return { report, stdout: started.log.text("stdout"), stderr: started.log.text("stderr") };
}

async function specification(path: string): Promise<Specification | undefined> {
  try {
    const parsed = JSON.parse(await Deno.readTextFile(path));
    return Array.isArray(parsed.operations) ? fromOperations(parsed.operations) : parsed;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The newer form: what to do one after the other. Those that preview 1 cases use amount to one run. */
function fromOperations(operations: readonly Record<string, unknown>[]): Specification {
  let spec: Specification = {};
  for (const { type, ...rest } of operations) {
    const { id = "stdout", payload = "" } = rest;
    if (type === "run" || type === "wait") spec = { ...spec, ...rest };
    else if (type === "write") spec = { ...spec, stdin: (spec.stdin ?? "") + String(payload) };
    else if (type === "read" && (id === "stdout" || id === "stderr")) {
      spec = { ...spec, [id]: (spec[id] ?? "") + String(payload) };
    } else throw new Error(`operation ${JSON.stringify(type)} is unknown to this runner`);
  }
  return spec;
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const entry of Deno.readDir(from)) {
    // What an earlier run of another host left behind is not part of the suite.
    if (entry.name.endsWith(".cleanup")) continue;
    if (entry.isDirectory) await copy(`${from}/${entry.name}`, `${to}/${entry.name}`);
    else if (entry.isSymlink) {
      await Deno.symlink(await Deno.readLink(`${from}/${entry.name}`), `${to}/${entry.name}`);
    } else await Deno.copyFile(`${from}/${entry.name}`, `${to}/${entry.name}`);
  }
}

if (import.meta.main) {
  const directories = [...Deno.args];
  const at = directories.indexOf("--only");
  const [, only] = at < 0 ? [] : directories.splice(at, 2);
  let passed = 0, failed = 0;
  for (const directory of directories) {
    for (const { name, failures } of await runSuite(directory, only)) {
      if (failures.length === 0) passed++;
      else failed++;
      console.log(`${failures.length === 0 ? "ok    " : "FAILED"} ${name}`);
      for (const failure of failures) console.log(`         ${failure}`);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exit(failed > 0 ? 1 : passed === 0 ? 2 : 0);
}
