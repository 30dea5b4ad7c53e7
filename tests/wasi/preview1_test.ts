import assert from "node:assert/strict";
import { GuestFs } from "../../agent/runtimes/wasm/fs/mod.ts";
import { createPreview1, preview1Module } from "../../agent/runtimes/wasm/preview1/mod.ts";
import type { RuntimeMount } from "../../agent/runtimes/runtime.ts";
import { canRun } from "../system_packages.ts";
import { buildGuests } from "./build.ts";
import { runGuest } from "./run_guest.ts";
import type { GuestResult, GuestRun } from "./run_guest.ts";

const ignore = !canRun("wasi");
const guests = ignore ? new Map<string, string>() : await buildGuests();
const wasm = (name: string) => Deno.readFileSync(guests.get(name)!);

/** Directories for mounts, with what some guests expect to find. */
function place(): {
  readonly top: string;
  readonly mounts: readonly RuntimeMount[];
  [Symbol.dispose](): void;
} {
  const top = Deno.realPathSync(Deno.makeTempDirSync());
  for (const d of ["rw", "rw2", "ro", "ro/d", "outside"]) Deno.mkdirSync(`${top}/${d}`);
  Deno.writeTextFileSync(`${top}/ro/f`, "fixed");
  Deno.writeTextFileSync(`${top}/outside/secret`, "secret");
  return {
    top,
    mounts: [
      { guest: "/rw", host: `${top}/rw`, readOnly: false },
      { guest: "/rw2", host: `${top}/rw2`, readOnly: false },
      { guest: "/ro", host: `${top}/ro`, readOnly: true },
    ],
    [Symbol.dispose]: () => Deno.removeSync(top, { recursive: true }),
  };
}

function passed(result: GuestResult): void {
  assert.deepEqual({ ...result, stdout: undefined }, { code: 0, stdout: undefined, stderr: "" });
}

async function run(name: string, options: Omit<GuestRun, "wasm"> = {}): Promise<GuestResult> {
  using here = place();
  return await runGuest({ wasm: wasm(name), mounts: here.mounts, ...options });
}

const plain = [
  "file_io",
  "rights",
  "filestat",
  "readdir",
  "paths",
  "names",
  "symlinks",
  "sockets",
  "pointers",
  "read_only",
];
for (const name of plain) {
  Deno.test({
    name: `preview 1: ${name}.c passes in a scoped worker`,
    ignore,
    fn: async () => passed(await run(name, { env: { A: "1" } })),
  });
}

Deno.test({
  name: "preview 1: process.c gets its arguments, environment, clocks and randomness",
  ignore,
  async fn() {
    const args = ["process", "two words", "", "ü"];
    passed(await run("process", { args, env: { A: "1", B: "x=y" } }));
    // The same guest with other arguments fails: its checks are real.
    assert.equal((await run("process", { args: ["process"], env: {} })).code, 1);
  },
});

Deno.test({
  name: "preview 1: a guest ends by returning, exiting, a signal or a trap, and each is told apart",
  ignore,
  async fn() {
    const end = async (how: string) => {
      const { code, trap } = await run("exit", { args: ["exit", how] });
      return trap === undefined ? code : trap;
    };
    assert.equal(await end("exit"), 42);
    assert.equal(await end("big"), 4_000_000_000);
    assert.equal(await end("return"), 7);
    assert.equal(await end("raise"), 134);
    assert.match(String(await end("trap")), /unreachable/);
  },
});

Deno.test({
  name: "preview 1: poll.c waits for clocks, files and stdin that comes late",
  ignore,
  fn: async () =>
    passed(await run("poll", { stdin: new TextEncoder().encode("abc"), stdinAfter: "ready\n" })),
});

Deno.test({
  name: "preview 1: libc.c works through the C library",
  ignore,
  async fn() {
    const result = await run("libc");
    passed(result);
    assert.equal(result.stdout, "done\n");
  },
});

Deno.test({
  name: "preview 1: stdin of several times the ring's size arrives whole",
  ignore,
  async fn() {
    const text = Array.from({ length: 40_000 }, (_, i) => `line ${i}\n`).join("");
    const result = await run("echo", { stdin: new TextEncoder().encode(text) });
    assert.equal(result.code, 0);
    assert.equal(result.stdout, text);
    assert.equal(result.stderr, `${text.length} bytes\n`);
  },
});

Deno.test({
  name:
    "preview 1: escape.c finds no way out, by planted or own symlinks, hard links, renames or swapped directories",
  ignore,
  async fn() {
    using here = place();
    const rw = `${here.top}/rw`;
    Deno.mkdirSync(`${rw}/deep`);
    Deno.symlinkSync(`${here.top}/outside/secret`, `${rw}/absolute`);
    Deno.symlinkSync("../outside/secret", `${rw}/relative`);
    Deno.symlinkSync("../outside", `${rw}/dir`);
    Deno.symlinkSync("../outside/planted", `${rw}/dangling`);
    Deno.symlinkSync("../..", `${rw}/deep/up`);
    Deno.symlinkSync("/etc", `${rw}/etc`);
    const before = Deno.statSync(`${here.top}/outside/secret`);
    passed(await runGuest({ wasm: wasm("escape"), mounts: here.mounts }));
    assert.deepEqual([...Deno.readDirSync(`${here.top}/outside`)].map((e) => e.name), ["secret"]);
    assert.equal(Deno.readTextFileSync(`${here.top}/outside/secret`), "secret");
    const after = Deno.statSync(`${here.top}/outside/secret`);
    assert.deepEqual([after.mtime, after.nlink], [before.mtime, 1]);
    assert.deepEqual([...Deno.readDirSync(here.top)].map((e) => e.name).sort(), [
      "outside",
      "ro",
      "rw",
      "rw2",
    ]);
  },
});

Deno.test({
  name: "preview 1: a read-only mount is unchanged on disk after read_only.c",
  ignore,
  async fn() {
    using here = place();
    passed(await runGuest({ wasm: wasm("read_only"), mounts: here.mounts }));
    assert.deepEqual([...Deno.readDirSync(`${here.top}/ro`)].map((e) => e.name).sort(), ["d", "f"]);
    assert.equal(Deno.readTextFileSync(`${here.top}/ro/f`), "fixed");
  },
});

Deno.test({
  name: "preview 1: quota.c meets ENOSPC at its quota and the disk holds no more",
  ignore,
  async fn() {
    using here = place();
    const host = `${here.top}/rw`;
    passed(
      await runGuest({
        wasm: wasm("quota"),
        mounts: [{ guest: "/rw", host, readOnly: false, quotaBytes: 100_000 }],
      }),
    );
    const stored = [...Deno.readDirSync(host)].reduce(
      (n, e) => n + Deno.statSync(`${host}/${e.name}`).size,
      0,
    );
    assert.ok(stored > 50_000 && stored <= 100_000, `${stored}`);
  },
});

Deno.test({
  name: "preview 1: a guest that allocates without end stops at its memory ceiling",
  ignore,
  async fn() {
    for (const memoryMb of [8, 32]) {
      const { code, stdout } = await run("memory", { memoryMb });
      assert.equal(code, 0);
      assert.ok(Number(stdout) < memoryMb && Number(stdout) > memoryMb - 4, stdout);
    }
  },
});

Deno.test({
  name: "preview 1: a deterministic run repeats to the byte, and another seed differs",
  ignore,
  async fn() {
    const once = (deterministicSeed: number) =>
      run("deterministic", { deterministicSeed, fixedTimeNs: 1_600_000_000_123_456_789n });
    const [a, b, c] = [await once(1), await once(1), await once(2)];
    passed(a);
    assert.equal(a.stdout, b.stdout);
    assert.notEqual(a.stdout, c.stdout);
    assert.match(a.stdout, /file 1600000000\.123456789/);
  },
});

Deno.test({
  name:
    "preview 1: every call that the host offers is called by a guest of the suite, and every one they import is there",
  ignore,
  async fn() {
    const imported = new Set<string>();
    for (const path of guests.values()) {
      const module = await WebAssembly.compile(Deno.readFileSync(path));
      for (const { module: from, name } of WebAssembly.Module.imports(module)) {
        assert.equal(from, preview1Module);
        imported.add(name);
      }
    }
    const { imports } = createPreview1({
      args: [],
      env: {},
      fs: new GuestFs({ mounts: [] }),
      stdout: () => {},
      stderr: () => {},
    });
    assert.deepEqual([...imported].sort(), Object.keys(imports).sort());
    assert.equal(imported.size, 46);
  },
});
