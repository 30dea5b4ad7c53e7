import assert from "node:assert/strict";
import { createSharedState, FsError, GuestFs, releaseDeadOwner, SharedState } from "./mod.ts";
import type { OpenDir, OpenFile } from "./mod.ts";

/** Turns of the swapping worker: without the lock the first leak came within some hundred. */
const TURNS = 4000;

/** Swaps directory `d` and symlink `l` by renaming, `turns` times, through the guest file system. */
const swapper = `
  import { GuestFs } from ${JSON.stringify(new URL("mod.ts", import.meta.url).href)};
  self.onmessage = ({ data: { host, shared, turns, stop } }) => {
    const fs = new GuestFs({ mounts: [{ guest: "/", host, readOnly: false }], shared, owner: 2 });
    const { dir } = fs.preopens[0];
    const flag = new Int32Array(stop);
    for (let i = 0; i < turns; i++) {
      fs.rename(dir, "d", dir, "t");
      fs.rename(dir, "l", dir, "d");
      fs.rename(dir, "d", dir, "l");
      fs.rename(dir, "t", dir, "d");
    }
    Atomics.store(flag, 0, 1);
    self.postMessage("done");
  };`;

Deno.test("two instances that share the lock cannot race each other out of the mount", async () => {
  const top = Deno.makeTempDirSync();
  Deno.mkdirSync(`${top}/mount/d`, { recursive: true });
  Deno.mkdirSync(`${top}/outside`);
  Deno.writeTextFileSync(`${top}/mount/d/secret`, "inside");
  Deno.writeTextFileSync(`${top}/outside/secret`, "outside");
  Deno.symlinkSync("../outside", `${top}/mount/l`);
  const shared = createSharedState(1);
  const url = URL.createObjectURL(new Blob([swapper], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  const fs = new GuestFs({
    mounts: [{ guest: "/", host: `${top}/mount`, readOnly: false }],
    shared,
    owner: 1,
  });
  try {
    const root = fs.preopens[0]!.dir;
    const held = fs.open(root, "d", { directory: true }) as OpenDir;
    const stop = new SharedArrayBuffer(4);
    const flag = new Int32Array(stop);
    const done = Promise.withResolvers<unknown>();
    worker.onmessage = (event) => done.resolve(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      done.reject(new Error(event.message));
    };
    worker.postMessage({ host: `${top}/mount`, shared, turns: TURNS, stop });
    const seen = new Map<string, number>();
    const look = (dir: OpenDir, path: string): string => {
      try {
        const file = fs.open(dir, path, { read: true, follow: true }) as OpenFile;
        const bytes = new Uint8Array(16);
        const n = file.read(bytes, 0n);
        file.close();
        return new TextDecoder().decode(bytes.subarray(0, n));
      } catch (error) {
        if (error instanceof FsError) return error.code;
        throw error;
      }
    };
    while (Atomics.load(flag, 0) === 0) {
      for (const [dir, path] of [[root, "d/secret"], [held, "secret"]] as const) {
        const what = look(dir, path);
        seen.set(what, (seen.get(what) ?? 0) + 1);
      }
      // Lets the worker's error arrive, should it have one.
      if (seen.size > 0 && [...seen.values()].reduce((a, b) => a + b) % 1000 === 0) {
        await Promise.race([done.promise, new Promise((resolve) => setTimeout(resolve, 0))]);
      }
    }
    await done.promise;
    assert.equal(seen.get("outside"), undefined, JSON.stringify([...seen]));
    assert.ok((seen.get("inside") ?? 0) > 0, JSON.stringify([...seen]));
    assert.ok((seen.get("EPERM") ?? 0) > 0, `the symlink was never met: ${JSON.stringify([...seen])}`);
  } finally {
    worker.terminate();
    fs[Symbol.dispose]();
    URL.revokeObjectURL(url);
    Deno.removeSync(top, { recursive: true });
  }
});

Deno.test("the lock of an instance that died is freed by its number, and by no other", () => {
  const shared = createSharedState(0);
  const dead = new SharedState(shared, 7);
  const alive = new SharedState(shared, 8);
  const generation = alive.generation;
  dead.locked(() => {
    releaseDeadOwner(shared, 8);
    assert.throws(() => alive.locked(() => {}, 10), (e) => e instanceof FsError && e.code === "EAGAIN");
    releaseDeadOwner(shared, 7);
    assert.equal(alive.locked(() => "had"), "had");
  });
  assert.notEqual(alive.generation, generation, "open directories are looked at anew");
});

Deno.test("instances that share a mount share its quota", () => {
  const host = Deno.makeTempDirSync();
  const mounts = [{ guest: "/", host, readOnly: false, quotaBytes: 10_000 }];
  const shared = createSharedState(1);
  const [a, b] = [1, 2].map((owner) => new GuestFs({ mounts, shared, owner })) as [GuestFs, GuestFs];
  try {
    const write = (fs: GuestFs, path: string, size: number) => {
      const file = fs.open(fs.preopens[0]!.dir, path, { write: true, create: true }) as OpenFile;
      try {
        file.write(new Uint8Array(size), 0n);
      } finally {
        file.close();
      }
    };
    write(a, "a", 6000);
    assert.throws(() => write(b, "b", 6000), (e) => e instanceof FsError && e.code === "ENOSPC");
    a.unlink(a.preopens[0]!.dir, "a");
    write(b, "b", 6000);
  } finally {
    a[Symbol.dispose]();
    b[Symbol.dispose]();
    Deno.removeSync(host, { recursive: true });
  }
});
