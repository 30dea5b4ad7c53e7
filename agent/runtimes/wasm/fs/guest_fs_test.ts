import assert from "node:assert/strict";
import { FsError, GuestFs, OpenFile } from "./mod.ts";
import type { FsErrorCode, OpenDir } from "./mod.ts";

/** A temporary directory with `rw` and `ro` mounted, and things outside that must stay out of reach. */
function world(options: { quotaBytes?: number } = {}) {
  const top = Deno.makeTempDirSync();
  for (const d of ["rw", "ro", "outside"]) Deno.mkdirSync(`${top}/${d}`);
  Deno.writeTextFileSync(`${top}/outside/secret`, "secret");
  Deno.writeTextFileSync(`${top}/ro/file`, "fixed");
  Deno.mkdirSync(`${top}/ro/sub`);
  const guest = new GuestFs({
    mounts: [
      { guest: "/rw", host: `${top}/rw`, readOnly: false, ...options },
      { guest: "/ro", host: `${top}/ro`, readOnly: true },
    ],
  });
  const [rw, ro] = guest.preopens.map((p) => p.dir) as [OpenDir, OpenDir];
  return {
    top,
    guest,
    rw,
    ro,
    [Symbol.dispose]() {
      guest[Symbol.dispose]();
      Deno.removeSync(top, { recursive: true });
    },
  };
}

const refused = (code: FsErrorCode, work: () => unknown) =>
  assert.throws(work, (e: unknown) => {
    assert.ok(e instanceof FsError, String(e));
    assert.equal(e.code, code);
    return true;
  });

function put(guest: GuestFs, dir: OpenDir, path: string, text: string): void {
  const file = guest.open(dir, path, { write: true, create: true, truncate: true }) as OpenFile;
  try {
    file.write(new TextEncoder().encode(text), 0n);
  } finally {
    file.close();
  }
}
function get(guest: GuestFs, dir: OpenDir, path: string): string {
  const file = guest.open(dir, path, { read: true, follow: true });
  assert.ok(file instanceof OpenFile);
  const bytes = new Uint8Array(Number(file.size()));
  file.read(bytes, 0n);
  file.close();
  return new TextDecoder().decode(bytes);
}

Deno.test("a path may wander inside its directory but not leave it", () => {
  using w = world();
  w.guest.mkdir(w.rw, "a");
  w.guest.mkdir(w.rw, "a/b");
  put(w.guest, w.rw, "a/b/f", "x");
  assert.equal(get(w.guest, w.rw, "a/.//b/../../a/b/./f"), "x");
  for (
    const path of [
      "..",
      "../outside/secret",
      "a/../../outside/secret",
      "/etc/passwd",
      "a/b/../../../outside/secret",
    ]
  ) {
    refused("EPERM", () => w.guest.open(w.rw, path, { read: true, follow: true }));
    refused("EPERM", () => w.guest.stat(w.rw, path, true));
    refused("EPERM", () => w.guest.unlink(w.rw, path));
    refused("EPERM", () => w.guest.open(w.rw, path, { write: true, create: true }));
  }
  const sub = w.guest.open(w.rw, "a", { directory: true }) as OpenDir;
  refused("EPERM", () => w.guest.open(sub, "../a/b/f", { read: true }));
});

Deno.test("planted symlinks out of the mount are neither read, written, listed nor removed through", () => {
  using w = world();
  Deno.symlinkSync(`${w.top}/outside/secret`, `${w.top}/rw/absolute`);
  Deno.symlinkSync("../outside/secret", `${w.top}/rw/relative`);
  Deno.symlinkSync("../outside", `${w.top}/rw/dir`);
  Deno.symlinkSync("../outside/new", `${w.top}/rw/dangling`);
  Deno.symlinkSync("..", `${w.top}/ro/sub/up`);
  for (const path of ["absolute", "relative", "dir/secret", "dangling"]) {
    refused("EPERM", () => w.guest.open(w.rw, path, { read: true, follow: true }));
    refused(
      "EPERM",
      () => w.guest.open(w.rw, path, { write: true, create: true, truncate: true, follow: true }),
    );
    refused("EPERM", () => w.guest.stat(w.rw, path, true));
    refused("EPERM", () => w.guest.setTimes(w.rw, path, true, 0n, 0n));
  }
  refused("EPERM", () => w.guest.open(w.rw, "dir", { directory: true, follow: true }));
  refused("EPERM", () => w.guest.unlink(w.rw, "dir/secret"));
  refused("EPERM", () => w.guest.rename(w.rw, "dir/secret", w.rw, "stolen"));
  refused("EPERM", () => w.guest.link(w.rw, "dir/secret", w.rw, "stolen"));
  refused("EPERM", () => w.guest.mkdir(w.rw, "dir/made"));
  refused("EPERM", () => w.guest.symlink("x", w.rw, "dir/made"));
  refused("ELOOP", () => w.guest.open(w.rw, "absolute", { read: true }));
  refused(
    "EEXIST",
    () => w.guest.open(w.rw, "dangling", { write: true, create: true, exclusive: true, follow: true }),
  );
  // In the mount, by `..` from a deeper directory: allowed from the root, not from the deeper descriptor.
  assert.equal(get(w.guest, w.ro, "sub/up/file"), "fixed");
  const sub = w.guest.open(w.ro, "sub", { directory: true }) as OpenDir;
  refused("EPERM", () => w.guest.open(sub, "up/file", { read: true, follow: true }));
  assert.deepEqual([...Deno.readDirSync(`${w.top}/outside`)].map((e) => e.name), ["secret"]);
  assert.equal(Deno.readTextFileSync(`${w.top}/outside/secret`), "secret");
});

Deno.test("a descriptor does not lead out after its directory has been swapped for a symlink", () => {
  using w = world();
  w.guest.mkdir(w.rw, "a");
  w.guest.mkdir(w.rw, "a/b");
  const open = w.guest.open(w.rw, "a/b", { directory: true }) as OpenDir;
  // By the guest: the descriptor follows the directory.
  w.guest.rename(w.rw, "a", w.rw, "moved");
  w.guest.symlink("../outside", w.rw, "a");
  put(w.guest, open, "f", "mine");
  assert.equal(get(w.guest, w.rw, "moved/b/f"), "mine");
  // Behind its back (another instance): the descriptor is dead after the next sign of a moved directory.
  Deno.renameSync(`${w.top}/rw/moved/b`, `${w.top}/rw/elsewhere`);
  Deno.symlinkSync("../../outside", `${w.top}/rw/moved/b`);
  w.guest.mkdir(w.rw, "sign");
  w.guest.rmdir(w.rw, "sign");
  refused("ENOENT", () => w.guest.open(open, "secret", { read: true }));
  refused("ENOENT", () => w.guest.readdir(open));
});

Deno.test("a removed or replaced directory is dead for its descriptor", () => {
  using w = world();
  w.guest.mkdir(w.rw, "d");
  w.guest.mkdir(w.rw, "e");
  const d = w.guest.open(w.rw, "d", { directory: true }) as OpenDir;
  const e = w.guest.open(w.rw, "e", { directory: true }) as OpenDir;
  w.guest.rename(w.rw, "e", w.rw, "d");
  refused("ENOENT", () => w.guest.readdir(d));
  put(w.guest, e, "f", "1");
  assert.equal(get(w.guest, w.rw, "d/f"), "1");
  refused("ENOTEMPTY", () => w.guest.rmdir(w.rw, "d"));
  w.guest.unlink(w.rw, "d/f");
  w.guest.rmdir(w.rw, "d/");
  refused("ENOENT", () => w.guest.stat(e, ".", false));
  refused("EBUSY", () => w.guest.rename(w.rw, ".", w.rw, "x"));
  refused("EINVAL", () => w.guest.rmdir(w.rw, "."));
});

Deno.test("symlinks inside the mount are followed, with a limit", () => {
  using w = world();
  w.guest.mkdir(w.rw, "dir");
  put(w.guest, w.rw, "dir/f", "deep");
  w.guest.symlink("dir", w.rw, "to_dir");
  w.guest.symlink("../dir/f", w.rw, "dir/again");
  w.guest.symlink("to_dir/again", w.rw, "chain");
  w.guest.symlink("loop", w.rw, "loop");
  w.guest.symlink("made", w.rw, "makes");
  assert.equal(get(w.guest, w.rw, "chain"), "deep");
  assert.equal(w.guest.readlink(w.rw, "chain"), "to_dir/again");
  assert.equal(w.guest.stat(w.rw, "chain", false).type, "symlink");
  assert.equal(w.guest.stat(w.rw, "chain", true).type, "regular");
  refused("ELOOP", () => w.guest.open(w.rw, "loop", { read: true, follow: true }));
  refused("ELOOP", () => w.guest.open(w.rw, "loop/x", { read: true }));
  put(w.guest, w.rw, "f2", "");
  (w.guest.open(w.rw, "makes", { write: true, create: true, follow: true }) as OpenFile).close();
  assert.equal(w.guest.stat(w.rw, "made", false).type, "regular");
  refused("EPERM", () => w.guest.symlink("/etc", w.rw, "root"));
  refused("EEXIST", () => w.guest.symlink("x", w.rw, "chain"));
  refused("ENOENT", () => w.guest.symlink("x", w.rw, "nothing/"));
});

Deno.test("a read-only mount refuses every change with EROFS", () => {
  using w = world();
  put(w.guest, w.rw, "f", "1");
  const { guest, ro, rw } = w;
  const changes: (() => unknown)[] = [
    () => guest.open(ro, "file", { write: true }),
    () => guest.open(ro, "file", { truncate: true }),
    () => guest.open(ro, "new", { create: true }),
    () => guest.mkdir(ro, "new"),
    () => guest.rmdir(ro, "sub"),
    () => guest.unlink(ro, "file"),
    () => guest.rename(ro, "file", ro, "new"),
    () => guest.rename(rw, "f", ro, "f"),
    () => guest.rename(ro, "file", rw, "file"),
    () => guest.link(ro, "file", rw, "file"),
    () => guest.link(rw, "f", ro, "f"),
    () => guest.symlink("file", ro, "new"),
    () => guest.setTimes(ro, "file", true, 0n, 0n),
    () => guest.setTimesDir(ro, 0n, 0n),
  ];
  for (const change of changes) refused("EROFS", change);
  const file = guest.open(ro, "file", { read: true }) as OpenFile;
  refused("EBADF", () => file.write(new Uint8Array(1), 0n));
  refused("EINVAL", () => file.truncate(0n));
  refused("EROFS", () => file.setTimes(0n, 0n));
  assert.equal(get(guest, ro, "file"), "fixed");
});

Deno.test("links and renames do not cross mounts", () => {
  using w = world();
  Deno.mkdirSync(`${w.top}/rw2`);
  using guest = new GuestFs({
    mounts: [{ guest: "/a", host: `${w.top}/rw`, readOnly: false }, {
      guest: "/b",
      host: `${w.top}/rw2`,
      readOnly: false,
    }],
  });
  const [a, b] = guest.preopens.map((p) => p.dir) as [OpenDir, OpenDir];
  put(guest, a, "f", "1");
  refused("EXDEV", () => guest.rename(a, "f", b, "f"));
  refused("EXDEV", () => guest.link(a, "f", b, "f"));
});

Deno.test("mounts that share host files are refused when one is writable", () => {
  using w = world();
  const host = `${w.top}/rw`;
  assert.throws(
    () =>
      new GuestFs({
        mounts: [{ guest: "/a", host: w.top, readOnly: true }, { guest: "/b", host, readOnly: false }],
      }),
    /share host files/,
  );
  assert.throws(
    () => new GuestFs({ mounts: [{ guest: "/a", host: `${host}/missing`, readOnly: true }] }),
    /not a directory/,
  );
  Deno.symlinkSync(host, `${w.top}/alias`);
  for (const other of [`${w.top}/alias`, "/", `${host}/`]) {
    const mounts = [{ guest: "/a", host, readOnly: false }, { guest: "/b", host: other, readOnly: true }];
    assert.throws(() => new GuestFs({ mounts }), /share host files/);
  }
});

Deno.test("nanosecond times are reported as set, until the file changes", () => {
  using w = world();
  put(w.guest, w.rw, "f", "1");
  w.guest.symlink("f", w.rw, "l");
  const at = 1_700_000_000_987_654_321n;
  w.guest.setTimes(w.rw, "f", true, at, at + 1n);
  let stat = w.guest.stat(w.rw, "l", true);
  assert.deepEqual([stat.atimeNs, stat.mtimeNs], [at, at + 1n]);
  assert.equal(Deno.statSync(`${w.top}/rw/f`).mtime!.getTime(), 1_700_000_000_987);
  const link = w.guest.stat(w.rw, "l", false);
  w.guest.setTimes(w.rw, "l", false, "keep", 5_000_000_001n);
  stat = w.guest.stat(w.rw, "l", false);
  assert.deepEqual([stat.atimeNs, stat.mtimeNs], [link.atimeNs, 5_000_000_001n]);
  assert.equal(w.guest.stat(w.rw, "f", false).mtimeNs, at + 1n, "the symlink's target is untouched");
  const file = w.guest.open(w.rw, "f", { write: true }) as OpenFile;
  file.setTimes(7n, "keep");
  assert.deepEqual([file.stat().atimeNs, file.stat().mtimeNs], [7n, at + 1n]);
  file.write(new Uint8Array(1), 0n);
  assert.notEqual(file.stat().mtimeNs, at + 1n);
  file.setTimes("keep", "now");
  assert.ok(file.stat().mtimeNs > at);
  w.guest.setTimesDir(w.rw, 0n, 123n);
  assert.equal(w.guest.statDir(w.rw).mtimeNs, 123n);
});

Deno.test("files read and write at offsets, append, grow and shrink", () => {
  using w = world();
  const file = w.guest.open(w.rw, "f", { read: true, write: true, create: true }) as OpenFile;
  assert.equal(file.write(new Uint8Array([1, 2, 3]), 5n), 3);
  assert.equal(file.size(), 8n);
  const buffer = new Uint8Array(10);
  assert.equal(file.read(buffer, 4n), 4);
  assert.deepEqual([...buffer.subarray(0, 4)], [0, 1, 2, 3]);
  assert.equal(file.read(buffer, 8n), 0);
  assert.equal(file.append(new Uint8Array([9])), 9n);
  file.truncate(2n);
  assert.equal(file.size(), 2n);
  file.allocate(10n, 10n);
  assert.equal(file.size(), 20n);
  file.allocate(0n, 5n);
  assert.equal(file.size(), 20n);
  file.sync();
  file.syncData();
  refused("EINVAL", () => file.write(new Uint8Array(1), -1n));
  refused("EFBIG", () => file.write(new Uint8Array(1), 2n ** 63n));
  refused("EFBIG", () => file.truncate(2n ** 60n));
  file.close();
  file.close();
  refused("EBADF", () => file.size());
});

Deno.test("a quota holds against writing, appending, truncating, allocating, and many empty files", () => {
  using w = world({ quotaBytes: 10_000 });
  const quota = w.rw.mount.quota!;
  const file = w.guest.open(w.rw, "f", { read: true, write: true, create: true }) as OpenFile;
  file.write(new Uint8Array(6000), 0n);
  file.write(new Uint8Array(6000), 0n);
  refused("ENOSPC", () => file.write(new Uint8Array(6000), 6000n));
  refused("ENOSPC", () => file.append(new Uint8Array(6000)));
  refused("ENOSPC", () => file.truncate(20_000n));
  refused("ENOSPC", () => file.allocate(0n, 20_000n));
  refused("ENOSPC", () => file.write(new Uint8Array(1), 1_000_000n));
  assert.equal(file.size(), 6000n);
  file.truncate(0n);
  file.write(new Uint8Array(9000), 0n);
  // Removed but open: still counted.
  w.guest.unlink(w.rw, "f");
  assert.ok(quota.figures.used >= 9000n);
  refused("ENOSPC", () => put(w.guest, w.rw, "g", "x".repeat(5000)));
  file.close();
  put(w.guest, w.rw, "g", "x".repeat(5000));
  put(w.guest, w.rw, "g", "x".repeat(5000));
  put(w.guest, w.rw, "h", "x".repeat(3000));
  w.guest.rename(w.rw, "h", w.rw, "g");
  let made = 0;
  refused("ENOSPC", () => {
    for (; made < 100; made++) w.guest.mkdir(w.rw, `d${made}`);
  });
  assert.ok(made > 5 && made < 40, `${made}`);
  for (let i = 0; i < made; i++) w.guest.rmdir(w.rw, `d${i}`);
  w.guest.unlink(w.rw, "g");
  assert.equal(quota.figures.used, 0n);
});

Deno.test("counting a full quota anew does not forget a removed file that is still open", () => {
  using w = world({ quotaBytes: 10_000 });
  const file = w.guest.open(w.rw, "f", { write: true, create: true }) as OpenFile;
  file.write(new Uint8Array(9000), 0n);
  w.guest.unlink(w.rw, "f");
  // The first refusal counts anew.
  refused("ENOSPC", () => put(w.guest, w.rw, "g", "x".repeat(5000)));
  file.close();
  put(w.guest, w.rw, "g", "x".repeat(5000));
});

Deno.test("a listing begins with . and .., is sorted, and gives inodes that stat confirms", () => {
  using w = world();
  for (const name of ["b", "a", "ü"]) put(w.guest, w.rw, name, "");
  w.guest.mkdir(w.rw, "c");
  const entries = w.guest.readdir(w.rw);
  assert.deepEqual(entries.map((e) => e.name), [".", "..", "a", "b", "c", "ü"]);
  assert.equal(entries[0]!.ino, w.guest.statDir(w.rw).ino);
  assert.equal(entries[2]!.ino, w.guest.stat(w.rw, "a", false).ino);
  assert.equal(entries[4]!.type, "directory");
});

Deno.test("wrong paths and wrong kinds are told apart", () => {
  using w = world();
  put(w.guest, w.rw, "f", "1");
  w.guest.mkdir(w.rw, "d");
  const open = (path: string, o = {}) => () => w.guest.open(w.rw, path, { read: true, ...o });
  refused("ENOENT", open(""));
  refused("EINVAL", open("f\0"));
  refused("ENAMETOOLONG", open("x".repeat(256)));
  refused("ENAMETOOLONG", open("x/".repeat(3000)));
  refused("ENOENT", open("missing/f"));
  refused("ENOTDIR", open("f/x"));
  refused("ENOTDIR", open("f/"));
  refused("ENOTDIR", open("f", { directory: true }));
  refused("EISDIR", open("d", { write: true }));
  refused("EISDIR", open("new/", { create: true }));
  refused("EEXIST", open("f", { create: true, exclusive: true }));
  refused("EISDIR", () => w.guest.unlink(w.rw, "d"));
  refused("ENOTDIR", () => w.guest.unlink(w.rw, "f/"));
  refused("ENOTDIR", () => w.guest.rmdir(w.rw, "f"));
  refused("EEXIST", () => w.guest.mkdir(w.rw, "d"));
  refused("EPERM", () => w.guest.link(w.rw, "d", w.rw, "e"));
  refused("EINVAL", () => w.guest.rename(w.rw, "d", w.rw, "d/e"));
  refused("EINVAL", () => w.guest.readlink(w.rw, "f"));
  new Deno.Command("mkfifo", { args: [`${w.top}/rw/pipe`] }).outputSync();
  refused("ENOTSUP", open("pipe"));
});

Deno.test("handles are limited", () => {
  using w = world();
  refused("EMFILE", () => {
    for (let i = 0; i < 2000; i++) w.guest.open(w.rw, ".", {});
  });
});
