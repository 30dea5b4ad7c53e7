import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { concatBytes, utf8 } from "../agent/protocol/encoding.ts";
import { executablePlatform, portableHeader } from "../agent/protocol/executable.ts";
import { archive, portable } from "./portable.ts";
import type { Runtime } from "./runtime.ts";
import { hostTarget, type Target, targetOf } from "./table.ts";
import { cached, refused } from "../tests/first_start_bed.ts";

const host = hostTarget();
const hasShell = host?.uname !== undefined;

/** A runtime's package whose executable passes on to the Deno that runs the tests. */
function runtime(): Runtime {
  const executable = utf8(`#!/bin/sh\nexec '${Deno.execPath()}' "$@"\n`);
  const padding = new Uint8Array(512 * 3);
  const tarball = Uint8Array.from(gzipSync(concatBytes(new Uint8Array(512), executable, padding)));
  const sha256 = createHash("sha256").update(executable).digest("hex");
  return { tarball, offset: 512, size: executable.length, sha256, executable };
}

const PROGRAM = `import { word } from "./part0.js";
console.log(JSON.stringify({ word, args: Deno.args, exe: Deno.env.get("REALM_EXE"), main: Deno.mainModule }));
Deno.exit(Deno.args[0] === "exit" ? 7 : 0);`;
const bundle = new Map([["agent/child.js", "1;"], ["main.js", PROGRAM], [
  "part0.js",
  'export const word="\u2028ü";',
]]);
const file = (target: Target = host!) => portable(target, "1.2.3", bundle, runtime());

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
class Bed implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "realm portable " });
  readonly cache = `${this.dir}/cache`;
  readonly path = `${this.dir}/it's realm`;
  constructor(content = file()) {
    Deno.writeFileSync(this.path, content, { mode: 0o755 });
  }
  async run(
    args: readonly string[] = [],
    env: Record<string, string> = {},
    command = this.path,
  ): Promise<Ran> {
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH")!, REALM_CACHE_DIR: this.cache, ...env },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
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
    name: `portable file: ${name}`,
    ignore: !hasShell || ignore,
    async fn() {
      await using bed = new Bed();
      await fn(bed);
    },
  });
}

test("the first start and later ones pass arguments, exit code and own path on", async (bed) => {
  for (let start = 0; start < 2; start++) {
    const ran = await bed.run(["exit", "a b", "$x", "--version"]);
    assert.equal(ran.stderr, "");
    assert.equal(ran.code, 7);
    const said = JSON.parse(ran.stdout);
    assert.deepEqual(said.args, ["exit", "a b", "$x", "--version"]);
    assert.equal(said.exe, bed.path);
    assert.equal(said.word, "\u2028ü");
  }
  assert.match(bed.names().join(" "), /^app-[0-9a-f]{24} runtime-[0-9a-f]{24}$/);
});

test("it finds itself behind a symbolic link and on the search path", async (bed) => {
  await Deno.mkdir(`${bed.dir}/bin`);
  await Deno.symlink(bed.path, `${bed.dir}/bin/realm`);
  const byLink = await bed.run([], {}, `${bed.dir}/bin/realm`);
  assert.equal(JSON.parse(byLink.stdout).exe, await Deno.realPath(bed.path));
  const byPath = await bed.run(
    ["-c", "exec realm"],
    { PATH: `${bed.dir}/bin:${Deno.env.get("PATH")}` },
    "/bin/sh",
  );
  assert.equal(JSON.parse(byPath.stdout).exe, await Deno.realPath(bed.path));
});

test("the cache is for its owner alone, and files made by the program are not", async (bed) => {
  const ran = await bed.run(["-c", `umask 022; "$0"; umask`, bed.path], {}, "/bin/sh");
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal((await Deno.stat(bed.cache)).mode! & 0o777, 0o700);
  assert.equal((await Deno.stat(`${bed.cache}/deno`)).mode! & 0o777, 0o755);
});

test("eight first starts at once all run, and leave one copy", async (bed) => {
  const ran = await Promise.all(Array.from({ length: 8 }, (_, i) => bed.run([String(i)])));
  for (const [i, { code, stdout, stderr }] of ran.entries()) {
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout).args, [String(i)]);
  }
  assert.equal(bed.names().length, 2, bed.names().join());
  for (const name of bed.names()) {
    assert.deepEqual(
      [...Deno.readDirSync(`${bed.cache}/${name}`)].filter((e) => e.name === "runtime" || e.name === "app"),
      [],
    );
  }
});

test("what a killed first start left is no obstacle and is cleared after an hour", async (bed) => {
  await Deno.mkdir(`${bed.cache}/new.Killed/runtime`, { recursive: true });
  await Deno.writeTextFile(`${bed.cache}/new.Killed/runtime/realm`, "half");
  await Deno.mkdir(`${bed.cache}/new.Recent`);
  const old = new Date(Date.now() - 2 * 3_600_000);
  await Deno.utime(`${bed.cache}/new.Killed`, old, old);
  assert.equal((await bed.run()).code, 0);
  assert.deepEqual(bed.names().filter((name) => name.startsWith("new.")), ["new.Recent"]);
});

test("a first start that is killed anywhere leaves nothing that a later one trusts", async (bed) => {
  for (let ms = 0; ms < 100; ms += 7) {
    await Deno.remove(bed.cache, { recursive: true }).catch(() => {});
    const child = new Deno.Command("setsid", {
      args: [bed.path],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH")!, REALM_CACHE_DIR: bed.cache },
      stdout: "null",
      stderr: "null",
    }).spawn();
    await new Promise((resolve) => setTimeout(resolve, ms));
    // With everything that it started: as when the power goes.
    try {
      child.kill("SIGKILL");
      Deno.kill(-child.pid, "SIGKILL");
    } catch { /* it has ended, or was no group yet */ }
    await child.status;
    const ran = await bed.run(["after"]);
    assert.equal(ran.code, 0, `killed after ${ms} ms: ${ran.stderr}`);
    assert.deepEqual(JSON.parse(ran.stdout).args, ["after"]);
  }
}, Deno.build.os !== "linux");

test("a cache with the program gone is filled again", async (bed) => {
  await bed.run();
  const app = bed.names().find((name) => name.startsWith("app-"))!;
  await Deno.remove(`${bed.cache}/${app}`, { recursive: true });
  assert.equal((await bed.run()).code, 0);
});

test("a truncated or altered file says so and leaves nothing behind", async (bed) => {
  const whole = await Deno.readFile(bed.path);
  const damages: [string, Uint8Array][] = [
    ["cut in the runtime", whole.subarray(0, whole.length - 700)],
    ["cut in the program", whole.subarray(0, whole.length - runtime().tarball.length - 10)],
    ["runtime altered", whole.map((byte, i) => i === whole.length - 60 ? byte ^ 1 : byte)],
    [
      "program altered",
      whole.map((byte, i) => i === whole.length - runtime().tarball.length - 30 ? byte ^ 1 : byte),
    ],
  ];
  for (const [what, content] of damages) {
    await Deno.remove(bed.cache, { recursive: true }).catch(() => {});
    await Deno.writeFile(bed.path, content);
    const ran = await bed.run();
    refused(ran, /this file is damaged( or incomplete)?; download it again/);
    assert.deepEqual(bed.names().filter((name) => !name.startsWith("runtime-")), [], what);
  }
});

test("a cache that cannot be made or written is one sentence that names the way out", async (bed) => {
  refused(
    await bed.run([], { REALM_CACHE_DIR: "/dev/null/cache" }),
    /cannot use \/dev\/null\/cache as cache.*REALM_CACHE_DIR/,
  );
  if (Deno.build.os === "linux" && Deno.uid() === 0) {
    refused(
      await bed.run([], { REALM_CACHE_DIR: "/proc" }),
      /cannot write to the cache \/proc .*REALM_CACHE_DIR/,
    );
  }
});

test("without a home the cache is in the directory for temporary files, never through a link", async (bed) => {
  const env = { REALM_CACHE_DIR: "", TMPDIR: bed.dir };
  const ran = await bed.run([], env);
  assert.equal(ran.code, 0, ran.stderr);
  const cache = `${bed.dir}/realm-${Deno.uid()}`;
  assert.ok((await Deno.stat(cache)).isDirectory);
  await Deno.rename(cache, `${bed.dir}/elsewhere`);
  await Deno.symlink(`${bed.dir}/elsewhere`, cache);
  refused(await bed.run([], env), /is a symbolic link and not used/);
});

/** Runs `fn` with a small file system mounted in the bed; says so when this machine does not let it. */
async function mounted(bed: Bed, options: string, fn: (dir: string) => Promise<void>): Promise<void> {
  const dir = `${bed.dir}/mounted`;
  await Deno.mkdir(dir);
  const args = ["-t", "tmpfs", "-o", options, "tmpfs", dir];
  const { success } = await new Deno.Command("mount", { args, stderr: "null" }).output();
  if (!success) return console.log(`left out: mount -o ${options} is not allowed here`);
  try {
    await fn(dir);
  } finally {
    await new Deno.Command("umount", { args: ["--lazy", dir] }).output();
  }
}
const cannotMount = Deno.build.os !== "linux" || Deno.uid() !== 0;

test("a full disk is one sentence", async (bed) => {
  await mounted(bed, "size=4k", async (dir) => {
    await Deno.writeFile(`${dir}/rest`, new Uint8Array(4096));
    refused(await bed.run([], { REALM_CACHE_DIR: dir }), /is the disk full\?\)/);
    assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), ["rest"]);
  });
}, cannotMount);

test("a read-only disk is one sentence", async (bed) => {
  await mounted(bed, "ro", async (dir) => {
    refused(await bed.run([], { REALM_CACHE_DIR: dir }), /cannot write to the cache .* read-only/);
  });
}, cannotMount);

test(
  "a home that is read-only is no obstacle: the cache is in the directory for temporary files",
  async (bed) => {
    await mounted(bed, "ro", async (dir) => {
      const ran = await bed.run([], { REALM_CACHE_DIR: "", HOME: dir, TMPDIR: bed.dir });
      assert.equal(ran.code, 0, ran.stderr);
      assert.ok((await Deno.stat(`${bed.dir}/realm-${Deno.uid()}`)).isDirectory);
    });
  },
  cannotMount,
);

test("a disk that forbids execution is one sentence", async (bed) => {
  await mounted(bed, "noexec", async (dir) => {
    refused(await bed.run([], { REALM_CACHE_DIR: dir }), /cannot be executed \(is it mounted noexec/);
  });
}, cannotMount);

Deno.test({
  name: "portable file: on another system or machine it says what it is for",
  ignore: !hasShell,
  async fn() {
    for (const platform of ["linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"]) {
      if (platform === host!.platform) continue;
      await using bed = new Bed(file(targetOf(platform)));
      refused(await bed.run(), new RegExp(`this file is for ${platform} and this machine`));
    }
  },
});

Deno.test("portable file: the same input gives the same bytes, and its head names version and platform", () => {
  const target = targetOf("linux/arm64");
  assert.deepEqual(file(target), file(target));
  const head = file(target).subarray(0, 4096);
  assert.deepEqual(portableHeader(head), { version: "1.2.3", platform: "linux/arm64" });
  assert.equal(executablePlatform(head), "linux/arm64");
});

Deno.test("portable file: Windows is refused", () => {
  assert.throws(() => file(targetOf("windows/amd64")), { code: "bad_request" });
});

Deno.test("archive() depends on content alone", () => {
  assert.deepEqual(archive(bundle), archive(new Map(bundle)));
  assert.notDeepEqual(archive(bundle), archive(new Map([...bundle, ["x.js", ""]])));
});
