/** The stub under Wine, with a small program in place of the runtime that prints what it was started with. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { concatBytes, utf8 } from "../../agent/protocol/encoding.ts";
import { ALL_PERMISSIONS, BUNDLE_FLAGS } from "../../agent/platform/mod.ts";
import type { Runtime } from "../runtime.ts";
import { targetOf } from "../table.ts";
import { windowsPortable } from "./portable.ts";
import { program } from "./stub.ts";
import { wineIn, winePath } from "./wine.ts";
import { cached, refused } from "../../tests/first_start_bed.ts";

const wine = await wineIn(fileURLToPath(new URL("../../.cache/wine", import.meta.url)));
if (typeof wine === "string") console.log(`left out: tests of the stub for Windows, since ${wine}`);

const target = targetOf("windows/amd64");
const bundle = new Map([["agent/child.js", "1;"], ["main.js", "2;"], ["part0.js", "3;"]]);

/** A runtime's package as npm has it, around the stand-in and what makes it larger. */
function runtime(standIn: Uint8Array, padding: Uint8Array): Runtime {
  const executable = concatBytes(standIn, padding);
  const end = new Uint8Array(1024 + (512 - executable.length % 512) % 512);
  const tarball = Uint8Array.from(gzipSync(concatBytes(new Uint8Array(512), executable, end), { level: 1 }));
  const sha256 = createHash("sha256").update(executable).digest("hex");
  return { tarball, offset: 512, size: executable.length, sha256, executable };
}

let standIn: Promise<Uint8Array> | undefined;
const files = new Map<string, Promise<Uint8Array>>();

/** The file under test: made once for each size and version. */
function file(padding = 0, version = "1.2.3"): Promise<Uint8Array> {
  standIn ??= program(target, ["testing/stand_in_imports.S", "testing/stand_in.c"]);
  const key = `${padding} ${version}`;
  const made = files.get(key) ?? standIn.then((start) => {
    const noise = crypto.getRandomValues(new Uint8Array(65_536));
    const rest = concatBytes(...Array.from({ length: padding }, (_, i) => noise.map((byte) => byte ^ i)));
    return windowsPortable(
      target,
      version,
      new Map([...bundle, ["version.js", version]]),
      runtime(start, rest),
    );
  });
  files.set(key, made);
  return made;
}

/** How long one start may take on a busy machine. */
const STEP_MS = 60_000;

interface Ran {
  readonly code: number;
  /** Arguments behind the program's module. */
  readonly args: readonly string[];
  /** Arguments up to it. */
  readonly runtime: readonly string[];
  /** Variables, then the working directory. */
  readonly world: readonly string[];
  /** What it copied. */
  readonly rest: string;
  readonly stdout: string;
  readonly stderr: string;
}

class Bed implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "realm wörtlich " });
  readonly cache = `${this.dir}/cache`;
  readonly path = `${this.dir}/it's realm.exe`;

  write(content: Uint8Array): void {
    Deno.writeFileSync(this.path, content);
  }

  command(
    args: readonly string[],
    env: Record<string, string> = {},
    { stdin, out }: { stdin: "null" | "piped"; out: "null" | "piped" } = { stdin: "null", out: "piped" },
  ) {
    assert.ok(typeof wine !== "string");
    return wine.command(this.path, {
      args,
      env: { REALM_CACHE_DIR: winePath(this.cache), ...env },
      cwd: this.dir,
      stdin,
      stdout: out,
      stderr: out,
    });
  }

  async run(args: readonly string[] = [], env: Record<string, string> = {}, input?: string): Promise<Ran> {
    const child = this.command(args, env, { stdin: input === undefined ? "null" : "piped", out: "piped" })
      .spawn();
    const deadline = setTimeout(() => child.kill("SIGKILL"), STEP_MS);
    if (input !== undefined) {
      void new Blob([input]).stream().pipeTo(child.stdin);
    }
    const { code, stdout, stderr } = await child.output();
    clearTimeout(deadline);
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const said = text(stdout).split("\0");
    const at = said.findIndex((arg) => arg.endsWith("\\main.js")) + 1;
    const end = said.indexOf("end of arguments", at);
    return {
      code,
      runtime: said.slice(0, at),
      args: said.slice(at, end),
      world: said.slice(end + 1, end + 6),
      rest: said.slice(end + 6).join("\0"),
      stdout: text(stdout),
      stderr: text(stderr),
    };
  }

  names(): string[] {
    return cached(this.cache);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }
}

function test(name: string, fn: (bed: Bed) => Promise<void>, ignore = false): void {
  Deno.test({
    name: `stub for Windows: ${name}`,
    ignore: typeof wine === "string" || ignore,
    async fn() {
      await using bed = new Bed();
      bed.write(await file());
      await fn(bed);
    },
  });
}

test("the first start and later ones pass flags, own path, environment and directory on", async (bed) => {
  for (let start = 0; start < 2; start++) {
    const ran = await bed.run(["exit", "7"], { GIVEN: "ü = 1" });
    assert.equal(ran.stderr, "");
    assert.equal(ran.code, 7);
    assert.match(ran.runtime[0], /\\cache\\runtime-[0-9a-f]{24}\\realm\.exe$/);
    assert.deepEqual(ran.runtime.slice(1, -1), [...BUNDLE_FLAGS, ...ALL_PERMISSIONS]);
    assert.deepEqual(ran.args, ["exit", "7"]);
    const [self, denoDir, noCheck, given, directory] = ran.world;
    assert.equal(self, winePath(bed.path));
    assert.equal(denoDir, winePath(`${bed.cache}/deno`));
    assert.deepEqual([noCheck, given], ["1", "ü = 1"]);
    assert.equal(directory, winePath(bed.dir));
  }
  assert.match(bed.names().join(" "), /^app-[0-9a-f]{24} runtime-[0-9a-f]{24}$/);
  const app = `${bed.cache}/${bed.names()[0]}`;
  for (const [name, text] of bundle) assert.equal(await Deno.readTextFile(`${app}/${name}`), text);
});

test("arguments arrive as they were given", async (bed) => {
  const rows: readonly (readonly string[])[] = [
    [],
    [""],
    ["a b", "", "c", '"', '""', 'a"b', '"a b"', 'say "hello world" twice', ""],
    ["\\", "\\\\", "a\\b", "a\\\\b c", "ends in \\", 'quote after \\"', "\\\\server\\share\\x y\\"],
    [
      "ü",
      "日本語",
      "\u{1f980} crab",
      "e\u0301",
      "*.js",
      "%PATH%",
      "$x",
      "^&|<>()",
      "'single'",
      "a\tb",
      "a\nb",
    ],
    ["--version", "--", "-A", "--flag=a b", "x".repeat(16_000)],
  ];
  for (const args of rows) assert.deepEqual((await bed.run(args)).args, args);
});

test("exit codes and standard input pass through", async (bed) => {
  for (const code of [0, 1, 124, 255]) assert.equal((await bed.run(["exit", String(code)])).code, code);
  const input = "line\r\n\u0001 ü\n".repeat(20_000);
  assert.equal((await bed.run(["copy"], {}, input)).rest, input);
});

test("without a word about the cache it is among the user's local application data", async (bed) => {
  const ran = await bed.run([], { REALM_CACHE_DIR: "" });
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.world[1], /^C:\\users\\.+\\AppData\\Local\\realm-cache\\deno$/);
});

test("a stub that is killed takes the runtime with it", async (bed) => {
  const child = bed.command(["wait"]).spawn();
  const reader = child.stdout.getReader();
  const first = await reader.read();
  assert.ok(!first.done);
  child.kill("SIGKILL");
  await child.status;
  void child.stderr.cancel();
  // Whoever holds the other end has ended when this ends; a runtime that waits for ever would not.
  const deadline = setTimeout(() => reader.cancel("the runtime goes on"), 20_000);
  while (!(await reader.read()).done);
  clearTimeout(deadline);
  assert.equal(await reader.closed.then(() => "ended", String), "ended");
  assert.deepEqual(await running(bed), []);
});

/** Command lines of processes whose program lies in a bed's cache. */
async function running(bed: Bed): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (line.includes(winePath(bed.cache))) found.push(line);
  }
  return found;
}

test("six first starts at once all run, and leave one copy", async (bed) => {
  const ran = await Promise.all(Array.from({ length: 6 }, (_, i) => bed.run([String(i)])));
  for (const [i, { code, args, stderr }] of ran.entries()) {
    assert.equal(code, 0, stderr);
    assert.deepEqual(args, [String(i)]);
  }
  assert.equal(bed.names().length, 2, bed.names().join());
});

test("what a killed first start left is no obstacle and is cleared after an hour", async (bed) => {
  await Deno.mkdir(`${bed.cache}/new.1-0/runtime`, { recursive: true });
  await Deno.writeTextFile(`${bed.cache}/new.1-0/runtime/realm.exe`, "half");
  await Deno.mkdir(`${bed.cache}/new.2-0`);
  const old = new Date(Date.now() - 2 * 3_600_000);
  await Deno.utime(`${bed.cache}/new.1-0`, old, old);
  assert.equal((await bed.run()).code, 0);
  assert.deepEqual(bed.names().filter((name) => name.startsWith("new.")), ["new.2-0"]);
});

test("a first start that is killed anywhere leaves nothing that a later one trusts", async (bed) => {
  bed.write(await file(160));
  let unpacking = 0;
  for (const ms of [150, 400, 900, 1800]) {
    await Deno.remove(bed.cache, { recursive: true }).catch(() => {});
    // No pipes: processes of Wine itself, which this start may have to start, would hold them.
    const child = bed.command(["killed"], {}, { stdin: "null", out: "null" }).spawn();
    const started = performance.now();
    while (performance.now() - started < ms) await new Promise((resolve) => setTimeout(resolve, 1));
    try {
      child.kill("SIGKILL");
    } catch { /* it has ended */ }
    await child.status;
    const names = await Deno.stat(bed.cache).then(() => bed.names(), () => []);
    if (names.some((name) => name.startsWith("new."))) unpacking++;
    const ran = await bed.run(["after"]);
    assert.equal(ran.code, 0, `killed after ${ms} ms: ${ran.stderr}`);
    assert.deepEqual(ran.args, ["after"]);
  }
  console.log(`${unpacking} of 4 were killed while they unpacked`);
});

test("another version leaves the runtime and adds its program; a program that is gone is filled again", async (bed) => {
  await bed.run();
  const before = bed.names();
  bed.write(await file(0, "1.2.4"));
  assert.equal((await bed.run()).code, 0);
  const after = bed.names();
  assert.equal(after.length, 3, after.join());
  assert.deepEqual(before.filter((name) => !after.includes(name)), []);
  for (const name of after.filter((name) => name.startsWith("app-"))) {
    await Deno.remove(`${bed.cache}/${name}`, { recursive: true });
  }
  assert.equal((await bed.run()).code, 0);
});

test("a truncated or altered file says so and leaves nothing behind", async (bed) => {
  const whole = await file();
  const altered = (at: number) => whole.map((byte, i) => i === at ? byte ^ 1 : byte);
  const damages: [string, Uint8Array][] = [
    ["cut in the runtime", whole.subarray(0, whole.length - 700)],
    ["cut behind the stub", whole.subarray(0, 32 * 1024)],
    ["runtime altered", altered(whole.length - 800)],
    ["program altered", altered(32 * 1024 + 100)],
  ];
  for (const [what, content] of damages) {
    await Deno.remove(bed.cache, { recursive: true }).catch(() => {});
    bed.write(content);
    refused(await bed.run(), /this file is damaged( or incomplete)?; download it again/);
    assert.deepEqual(bed.names().filter((name) => !name.startsWith("runtime-")), [], what);
  }
  bed.write(concatBytes(whole, utf8("a signature")));
  assert.equal((await bed.run()).code, 0, "what follows the payload is no damage");
});

test("a cache that cannot be made or written is one sentence that names the way out", async (bed) => {
  const at = async (dir: string) => await bed.run([], { REALM_CACHE_DIR: dir });
  refused(await at("Z:\\dev\\null\\für"), /cannot use Z:\\dev\\null\\für as cache.*REALM_CACHE_DIR/);
  refused(await at("Z:\\proc"), /cannot (write to|use) .*Z:\\proc.*REALM_CACHE_DIR/);
});

test("arguments that Windows cannot take are one sentence", async (bed) => {
  refused(await bed.run(["x".repeat(32_600)]), /longer than Windows allows/);
});

test("a full disk is one sentence and leaves nothing behind", async (bed) => {
  const dir = `${bed.dir}/mounted`;
  await Deno.mkdir(dir);
  const args = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", dir];
  const { success } = await new Deno.Command("mount", { args, stderr: "null" }).output();
  if (!success) return console.log("left out: mount is not allowed here");
  try {
    bed.write(await file(4));
    refused(await bed.run([], { REALM_CACHE_DIR: winePath(dir) }), /is the disk full\?.*120 MB/);
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  } finally {
    await new Deno.Command("umount", { args: ["--lazy", dir] }).output();
  }
}, Deno.build.os !== "linux" || Deno.uid() !== 0);
