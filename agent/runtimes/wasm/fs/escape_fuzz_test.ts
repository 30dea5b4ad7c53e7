import assert from "node:assert/strict";
import fc from "fast-check";
import { fuzz } from "../../../../tests/fuzz.ts";
import { FsError, GuestFs, OpenFile } from "./mod.ts";
import type { OpenDir } from "./mod.ts";

type Step = readonly [action: string, first: string, second: string, handle: number];

Deno.test("whatever a guest builds of directories, symlinks and renames, it opens and changes nothing outside", async () => {
  const top = Deno.makeTempDirSync();
  // What lies outside has the names that the guest uses, so that a wrong turn finds something.
  for (const path of ["a", "a/b", "mount"]) Deno.mkdirSync(`${top}/${path}`);
  for (const path of ["c", "a/c", "a/b/c"]) Deno.writeTextFileSync(`${top}/${path}`, "outside");
  const outside = () =>
    [".", "a", "a/b"].flatMap((d) =>
      [...Deno.readDirSync(`${top}/${d}`)].filter((e) => e.name !== "mount").map((e) => {
        const path = `${top}/${d}/${e.name}`;
        const { ino, nlink, mtime, isFile } = Deno.lstatSync(path);
        return [path, ino, isFile ? nlink : 0, mtime?.getTime(), isFile ? Deno.readTextFileSync(path) : ""]
          .join();
      })
    ).sort();
  const before = outside();

  const name = fc.constantFrom("a", "b", "c");
  const path = fc.oneof(
    { weight: 6, arbitrary: fc.array(name, { minLength: 1, maxLength: 2 }).map((names) => names.join("/")) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("..", ".", "../a", "a/..", "a/../..", "../c", "a/b/c", "a/", "/a"),
    },
  );
  const target = fc.constantFrom(
    "..",
    "../a",
    "../a/b",
    "../c",
    "../../a",
    "../..",
    "a",
    "b",
    "c",
    "a/b",
    "../../c",
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 2, arbitrary: fc.tuple(fc.constant("symlink"), target, path, fc.nat(5)) },
    { weight: 2, arbitrary: fc.tuple(fc.constant("rename"), path, path, fc.nat(5)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("swap"), path, path, fc.nat(5)) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom("mkdir", "open_dir"), path, path, fc.nat(5)) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom("write", "read"), path, path, fc.nat(5)) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom("unlink", "rmdir", "times", "list", "link"), path, path, fc.nat(5)),
    },
  );
  let did = 0, refused = 0;
  const perform = (guest: GuestFs, handles: OpenDir[], [action, first, second, handle]: Step) => {
    const dir = handles[handle % handles.length]!;
    switch (action) {
      case "symlink":
        return guest.symlink(first, dir, second);
      case "rename":
        return guest.rename(dir, first, handles[0]!, second);
      case "swap":
        // What an attack is made of: a directory that is open goes aside, and a symlink takes its place.
        guest.rename(handles[0]!, first, handles[0]!, second);
        return guest.symlink("../a", handles[0]!, first);
      case "link":
        return guest.link(dir, first, handles[0]!, second);
      case "mkdir":
        return guest.mkdir(dir, first);
      case "unlink":
        return guest.unlink(dir, first);
      case "rmdir":
        return guest.rmdir(dir, first);
      case "times":
        return guest.setTimes(dir, first, true, 1n, 1n);
      case "list":
        return guest.readdir(dir);
      case "open_dir": {
        const opened = guest.open(dir, first, { directory: true, follow: true });
        return handles.push(opened as OpenDir);
      }
      case "write":
      case "read": {
        const write = action === "write";
        const file = guest.open(dir, first, {
          read: true,
          write,
          create: write,
          truncate: write,
          follow: true,
        });
        if (!(file instanceof OpenFile)) return guest.close(file);
        const bytes = new Uint8Array(16);
        const text = new TextDecoder().decode(bytes.subarray(0, file.read(bytes, 0n)));
        assert.notEqual(text, "outside", `read ${first}`);
        if (write) file.write(new TextEncoder().encode("guest"), 0n);
        return file.close();
      }
    }
  };
  try {
    await fuzz(fc.array(step, { minLength: 60, maxLength: 150, size: "max" }), (steps) => {
      const guest = new GuestFs({ mounts: [{ guest: "/", host: `${top}/mount`, readOnly: false }] });
      const handles = [guest.preopens[0]!.dir];
      try {
        for (const one of steps) {
          try {
            perform(guest, handles, one);
            did++;
          } catch (error) {
            if (!(error instanceof FsError)) throw error;
            refused++;
          }
        }
      } finally {
        guest[Symbol.dispose]();
        Deno.removeSync(`${top}/mount`, { recursive: true });
        Deno.mkdirSync(`${top}/mount`);
      }
      assert.deepEqual(outside(), before);
    }, 0.5);
    assert.ok(did > 1000 && refused > 1000, `${did} done, ${refused} refused`);
  } finally {
    Deno.removeSync(top, { recursive: true });
  }
});
