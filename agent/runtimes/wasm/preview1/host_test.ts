import assert from "node:assert/strict";
import fc from "fast-check";
import { fuzz } from "../../../../tests/fuzz.ts";
import { RealmError } from "../../../protocol/errors.ts";
import { GuestFs } from "../fs/mod.ts";
import { bytesSource, createPreview1, preview1Module } from "./mod.ts";
import type { Preview1Options } from "./mod.ts";
import { errno } from "./errno.ts";

/**
 * A module with two pages of memory whose `_start` calls the import `e.go`:
 * `(module (import "e" "go" (func)) (memory (export "memory") 2) (func (export "_start") (call 0)))`
 */
// deno-fmt-ignore
const calling = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 4, 1, 0x60, 0, 0,
  2, 8, 1, 1, 0x65, 2, 0x67, 0x6f, 0, 0,
  3, 2, 1, 0,
  5, 3, 1, 0, 2,
  7, 19, 2, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 0, 6, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0, 1,
  10, 6, 1, 4, 0, 0x10, 0, 0x0b,
);
// deno-lint-ignore no-explicit-any
type Imports = Record<string, (...values: any[]) => number>;

/** Runs `work` as if it were a guest. */
function asGuest(
  options: Partial<Preview1Options> & Pick<Preview1Options, "fs">,
  work: (calls: Imports, memory: WebAssembly.Memory) => void,
): number {
  const host = createPreview1({ args: ["guest"], env: {}, stdout: () => {}, stderr: () => {}, ...options });
  // deno-lint-ignore prefer-const
  let instance: WebAssembly.Instance;
  const go = () => work(host.imports as Imports, instance.exports.memory as WebAssembly.Memory);
  instance = new WebAssembly.Instance(new WebAssembly.Module(calling), {
    [preview1Module]: host.imports,
    e: { go },
  });
  return host.run(instance);
}

const noMounts = () => new GuestFs({ mounts: [] });

Deno.test("pointers are good again after the guest's memory has grown", () => {
  asGuest({ fs: noMounts() }, (calls, memory) => {
    assert.equal(calls.random_get!(0, 16), 0);
    memory.grow(1);
    assert.equal(calls.clock_time_get!(0, 0n, 2 * 65536 + 8), 0);
    assert.notEqual(new DataView(memory.buffer).getBigUint64(2 * 65536 + 8, true), 0n);
    assert.equal(calls.clock_time_get!(0, 0n, 3 * 65536 - 7), errno.FAULT);
  });
});

Deno.test("a guest that catches its exit is ended by its next call", () => {
  let reached = false;
  const code = asGuest({ fs: noMounts() }, (calls) => {
    try {
      calls.proc_exit!(5);
    } catch { /* as a module with catch_all would */ }
    calls.sched_yield!();
    reached = true;
  });
  assert.equal(code, 5);
  assert.equal(reached, false);
});

Deno.test("what a sink throws ends the guest and reaches the caller", () => {
  const full = () => {
    throw new Error("log is full");
  };
  assert.throws(
    () =>
      asGuest({ fs: noMounts(), stdout: full }, (calls, memory) => {
        new Uint32Array(memory.buffer, 0, 2).set([16, 4]);
        calls.fd_write!(1, 0, 1, 8);
      }),
    /log is full/,
  );
});

Deno.test("arguments and names that cannot be passed are refused, and so is a module that is no command", () => {
  const make = (options: Partial<Preview1Options>) =>
    createPreview1({ args: [], env: {}, fs: noMounts(), stdout: () => {}, stderr: () => {}, ...options });
  const bad = (work: () => unknown, code: string) =>
    assert.throws(work, (e) => e instanceof RealmError && e.code === code);
  bad(() => make({ args: ["a\0b"] }), "bad_request");
  bad(() => make({ env: { "A=B": "1" } }), "bad_request");
  bad(() => make({ env: { "": "1" } }), "bad_request");
  bad(() => make({ env: { A: "\0" } }), "bad_request");
  const empty = new WebAssembly.Instance(new WebAssembly.Module(calling.slice(0, 8)));
  bad(() => make({}).run(empty), "failed");
});

Deno.test("no sequence of calls with any values breaks the host or gets out of the mount", async () => {
  const top = Deno.makeTempDirSync();
  Deno.mkdirSync(`${top}/mount`);
  Deno.writeTextFileSync(`${top}/secret`, "secret");
  const known = new Set<number>(Object.values(errno));
  const paths = ["a", "b", "a/b", "..", "../secret", "/", ".", "a/..", "", "l", "l/secret", "é", "a\0"];
  const words = new TextEncoder();
  // Paths lie at 1024, 32 bytes each; vectors at 2048; the rest is noise.
  const setUp = (memory: WebAssembly.Memory) => {
    const bytes = new Uint8Array(memory.buffer);
    paths.forEach((path, i) => bytes.set(words.encode(path), 1024 + 32 * i));
    new Uint32Array(memory.buffer, 2048, 8).set([4096, 100, 8192, 7, 131_000, 500, 0, 0xffff_ffff]);
  };
  const path = fc.integer({ min: 0, max: paths.length - 1 }).map((i) => [
    1024 + 32 * i,
    words.encode(paths[i]!).length,
  ]);
  const anyInt = fc.oneof(
    fc.integer({ min: 0, max: 8 }),
    fc.constantFrom(1024, 1056, 2048, 4096, 65_536, 131_071, 131_072),
    fc.integer(),
  );
  const anyLong = fc.oneof(
    fc.constantFrom(0n, 1n, 2n, 64n, 100n, (1n << 30n) - 1n, (1n << 28n) - 1n),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  );
  const fd = fc.integer({ min: -1, max: 9 });
  const free = (...kinds: ("i" | "l" | "f" | "p")[]) =>
    fc.tuple(...kinds.map((k) => k === "i" ? anyInt : k === "l" ? anyLong : k === "f" ? fd : path));
  const shapes: Record<string, ReturnType<typeof free>> = {
    args_get: free("i", "i"),
    environ_sizes_get: free("i", "i"),
    clock_res_get: free("i", "i"),
    clock_time_get: free("i", "l", "i"),
    random_get: free("i", "i"),
    poll_oneoff: free("i", "i", "i", "i"),
    fd_advise: free("f", "l", "l", "i"),
    fd_allocate: free("f", "l", "l"),
    fd_close: free("f"),
    fd_datasync: free("f"),
    fd_fdstat_get: free("f", "i"),
    fd_fdstat_set_flags: free("f", "i"),
    fd_fdstat_set_rights: free("f", "l", "l"),
    fd_filestat_get: free("f", "i"),
    fd_filestat_set_size: free("f", "l"),
    fd_filestat_set_times: free("f", "l", "l", "i"),
    fd_pread: free("f", "i", "i", "l", "i"),
    fd_prestat_get: free("f", "i"),
    fd_prestat_dir_name: free("f", "i", "i"),
    fd_pwrite: free("f", "i", "i", "l", "i"),
    fd_read: free("f", "i", "i", "i"),
    fd_readdir: free("f", "i", "i", "l", "i"),
    fd_renumber: free("f", "f"),
    fd_seek: free("f", "l", "i", "i"),
    fd_sync: free("f"),
    fd_tell: free("f", "i"),
    fd_write: free("f", "i", "i", "i"),
    path_create_directory: free("f", "p"),
    path_filestat_get: free("f", "i", "p", "i"),
    path_filestat_set_times: free("f", "i", "p", "l", "l", "i"),
    path_link: free("f", "i", "p", "f", "p"),
    path_open: free("f", "i", "p", "i", "l", "l", "i", "i"),
    path_readlink: free("f", "p", "i", "i", "i"),
    path_remove_directory: free("f", "p"),
    path_rename: free("f", "p", "f", "p"),
    path_symlink: free("p", "f", "p"),
    path_unlink_file: free("f", "p"),
    sock_accept: free("f", "i", "i"),
    sock_recv: free("f", "i", "i", "i", "i", "i"),
    sock_send: free("f", "i", "i", "i", "i"),
    sock_shutdown: free("f", "i"),
  };
  const call = fc.constantFrom(...Object.keys(shapes)).chain((name) =>
    shapes[name]!.map((values) => [name, values.flat() as (number | bigint)[]] as const)
  );
  let succeeded = 0, calls = 0;
  try {
    await fuzz(
      fc.tuple(fc.array(call, { minLength: 20, maxLength: 60 }), fc.integer()),
      ([sequence, seed]) => {
        const guest = new GuestFs({
          mounts: [{ guest: "/", host: `${top}/mount`, readOnly: false, quotaBytes: 1_000_000 }],
        });
        asGuest(
          { fs: guest, deterministicSeed: seed, stdin: bytesSource(new Uint8Array(50)) },
          (imports, memory) => {
            setUp(memory);
            for (const [name, values] of sequence) {
              const result = imports[name]!(...values);
              assert.ok(known.has(result), `${name} returned ${result}`);
              calls++;
              if (result === 0) succeeded++;
            }
          },
        );
      },
      0.5,
    );
    assert.ok(succeeded > calls / 20, `${succeeded} of ${calls} calls did something`);
    assert.deepEqual([...Deno.readDirSync(top)].map((e) => e.name).sort(), ["mount", "secret"]);
    assert.equal(Deno.readTextFileSync(`${top}/secret`), "secret");
  } finally {
    Deno.removeSync(top, { recursive: true });
  }
});
