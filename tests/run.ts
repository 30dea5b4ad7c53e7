/**
 * Every suite, one after the other: `deno task test [suite…]`. Installs the system packages that suites need where it
 * may (Debian, root) and says so. A suite whose needs are not met is left out with a line that says so; with `CI=true`
 * that counts as a failure. The last line is `N passed, N failed`.
 */
import { provideSystemPackages } from "./provide.ts";
import { hostTarget } from "../targets/table.ts";
import { type SuiteName, systemPackages } from "./system_packages.ts";

interface Suite {
  readonly name: string;
  /** Arguments of Deno; output of `deno test` is counted, any other command counts as one. */
  readonly args: readonly string[];
  /** Which of {@link systemPackages} it needs. */
  readonly packages?: SuiteName;
  /** Nodes and command lines are those of the portable file, which is built first, and not of this source tree. */
  readonly built?: boolean;
  readonly minutes: number;
}

const test = (...args: string[]) => ["test", "-A", "--no-check", "--quiet", ...args];
const suites: readonly Suite[] = [
  { name: "check", args: ["run", "-A", "tests/tidy/check.ts"], minutes: 5 },
  { name: "examples", args: ["run", "-A", "examples/build_all.ts"], packages: "wasi", minutes: 15 },
  {
    name: "unit",
    // The collector's helpers get no processor when all are taken, and a test that measures how long the event loop is
    // held would measure that it waits for them.
    args: test(
      "--v8-flags=--single-threaded-gc",
      "agent",
      "cli",
      "ui",
      "targets",
      "tests/tidy",
      "tests/contract",
      "examples",
    ),
    packages: "wasi",
    minutes: 20,
  },
  // Simulations measure virtual time only: files run side by side.
  { name: "sim", args: test("--parallel", "tests/sim"), minutes: 20 },
  { name: "wasi", args: test("tests/wasi"), packages: "wasi", minutes: 10 },
  {
    name: "integration",
    args: test("--ignore=tests/integration/upgrade_kill_test.ts", "tests/integration"),
    packages: "wasi",
    built: true,
    minutes: 30,
  },
  // A build has no door by which a test stops it at a step of an upgrade.
  { name: "source", args: test("tests/integration/upgrade_kill_test.ts"), minutes: 10 },
  { name: "browser", args: test("tests/browser"), packages: "browser", built: true, minutes: 20 },
  { name: "demo", args: ["run", "-A", "tests/demo.ts", "--check"], packages: "wasi", minutes: 10 },
];

const ci = Deno.env.get("CI") === "true";
let passed = 0, failed = 0;
const failures: string[] = [];

async function run(suite: Suite): Promise<void> {
  const started = performance.now();
  console.log(`\n=== ${suite.name}`);
  if (suite.packages && !await provideSystemPackages(suite.packages, console.log)) {
    const needs = systemPackages[suite.packages].packages.join(" ");
    console.log(`${suite.name} is left out: it needs the Debian packages ${needs}`);
    if (ci) {
      failed++;
      failures.push(`${suite.name}: left out`);
    }
    return;
  }
  const executable = suite.built && await built.executable();
  if (suite.built && !executable && ci) {
    failed++;
    failures.push(`${suite.name}: ran from source, for nothing could be built`);
  }
  const child = new Deno.Command(Deno.execPath(), {
    args: [...suite.args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: {
      NO_COLOR: "1",
      ...(executable ? { REALM_EXECUTABLE: executable, REALM_CACHE_DIR: `${executable}.cache` } : {}),
    },
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), suite.minutes * 60_000);
  let text = "";
  const follow = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const piece = decoder.decode(chunk, { stream: true });
      text = (text + piece).slice(-200_000);
      await Deno.stdout.write(new TextEncoder().encode(piece));
    }
  };
  const [status] = await Promise.all([child.status, follow(child.stdout), follow(child.stderr)]);
  clearTimeout(timer);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const counted = [...text.matchAll(/(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed/g)].at(-1);
  const isTest = suite.args[0] === "test";
  const [good, bad] = isTest && counted
    ? [Number(counted[1]), Number(counted[2])]
    : status.success
    ? [1, 0]
    : [0, 1];
  passed += good;
  failed += bad;
  const silent = !status.success && bad === 0;
  if (silent) failed++;
  if (bad > 0 || silent) {
    const how = bad > 0
      ? `${bad} failed`
      : status.signal === "SIGKILL"
      ? `ran past ${suite.minutes} minutes`
      : `ended with ${status.code}`;
    failures.push(`${suite.name}: ${how}${errorsIn(text)}`);
  }
  console.log(`=== ${suite.name}: ${good} passed, ${bad + (silent ? 1 : 0)} failed in ${seconds} s`);
}

/** The portable file for this machine, built for the first suite that wants it and removed at the end. */
class Built implements AsyncDisposable {
  #folder: string | undefined;
  #building: Promise<string | undefined> | undefined;

  /** Nothing without a registry, or where no portable file can be: then suites run from source, and that is said. */
  executable(): Promise<string | undefined> {
    return this.#building ??= this.#build();
  }

  async #build(): Promise<string | undefined> {
    const { platform } = hostTarget()!;
    const folder = this.#folder = await Deno.makeTempDir({ prefix: "realm-built-" });
    const args = ["run", "-A", "targets/build.ts", "--target", platform, "--out", folder];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, stdout: "null" }).output();
    const name = [...Deno.readDirSync(folder)].map((e) => e.name).find((n) => n.startsWith("realm-"));
    if (success && name !== undefined) {
      console.log(`the executable under test is ${name}, built from this source tree`);
      return `${folder}/${name}`;
    }
    console.log(
      `from source, since no executable could be built: ${new TextDecoder().decode(stderr).trim()}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#folder) await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }
}

/** What Deno's test runner says of errors, without stacks: repeated at the end, where a long log is read first. */
function errorsIn(text: string): string {
  const lines = (text.split("\n ERRORS \n").at(1) ?? "").split("\n FAILURES \n")[0].split("\n");
  const said = lines.filter((line) => line.trim() !== "" && !/^\s+at /.test(line)).slice(0, 60);
  return said.map((line) => `\n    ${line}`).join("");
}

const wanted = Deno.args.filter((a) => !a.startsWith("-"));
for (const name of wanted) {
  if (!suites.some((s) => s.name === name)) {
    console.error(`no suite ${name}; there are: ${suites.map((s) => s.name).join(", ")}`);
    Deno.exit(2);
  }
}
const built = new Built();
for (const suite of suites) if (wanted.length === 0 || wanted.includes(suite.name)) await run(suite);
await built[Symbol.asyncDispose]();
if (failures.length > 0) console.log(`\nfailures:\n  ${failures.join("\n  ")}`);
console.log(`\n${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
