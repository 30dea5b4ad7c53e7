/** What every `Disk` does; run for the real one and for the one in memory. */
import assert from "node:assert/strict";
import type { Disk } from "../../agent/ports.ts";

const text = (s: string) => new TextEncoder().encode(s);
const all = async (s: ReadableStream<Uint8Array>) => await new Response(s).text();

/** Registers the cases; `make` gives a disk and an empty directory on it, disposed after each. */
export function diskContract(
  name: string,
  make: () => Promise<{ disk: Disk; directory: string; [Symbol.asyncDispose](): Promise<void> }>,
): void {
  const scenario = (what: string, run: (disk: Disk, directory: string) => Promise<void>) =>
    Deno.test(`${name} ${what}`, async () => {
      await using place = await make();
      await run(place.disk, place.directory);
    });

  scenario("writes, renames, lists and reads back whole and in parts", async (disk, d) => {
    const writer = await disk.create(`${d}/a`);
    await writer.write(text("hello "));
    await writer.write(text("world"));
    await writer.sync();
    await writer.close();
    await writer.close();
    await disk.rename(`${d}/a`, `${d}/b`);
    assert.deepEqual(await disk.list(d), ["b"]);
    assert.equal(await all(disk.readStream(`${d}/b`)), "hello world");
    assert.equal(await all(disk.readStream(`${d}/b`, { start: 6 })), "world");
    assert.equal(await all(disk.readStream(`${d}/b`, { start: 2, end: 5 })), "llo");
    assert.equal(await all(disk.readStream(`${d}/b`, { start: 5, end: 5 })), "");
    assert.equal((await disk.readFile(`${d}/b`)).length, 11);
    for (const room of [5, 11, 20]) {
      const into = new Uint8Array(room);
      assert.equal(await disk.readInto(`${d}/b`, into), 11);
      assert.equal(new TextDecoder().decode(into.subarray(0, 11)), "hello world".slice(0, room));
    }
  });

  scenario("goes on with a file after its first bytes", async (disk, d) => {
    await disk.writeAtomic(`${d}/log`, text("one two"));
    const writer = await disk.extend(`${d}/log`, 4);
    await writer.write(text("three "));
    await writer.write(text("four"));
    await writer.sync();
    await writer.close();
    assert.equal(await all(disk.readStream(`${d}/log`)), "one three four");
    await assert.rejects(disk.extend(`${d}/nothing`, 0), { code: "not_found" });
  });

  scenario("replaces atomically", async (disk, d) => {
    await disk.writeAtomic(`${d}/x`, text("old"));
    await disk.writeAtomic(`${d}/x`, text("newer"));
    assert.deepEqual((await disk.entries(d)).map((e) => [e.name, e.kind, e.size]), [["x", "file", 5]]);
  });

  scenario("says what is there and what is not", async (disk, d) => {
    await disk.makeDirectory(`${d}/p/q/r`);
    await disk.writeAtomic(`${d}/p/f`, text("1"));
    assert.equal((await disk.stat(`${d}/p/q`))?.kind, "directory");
    assert.equal((await disk.stat(`${d}/p/f`))?.size, 1);
    assert.equal(await disk.stat(`${d}/nothing`), undefined);
    assert.deepEqual(await disk.list(`${d}/nothing`), []);
    assert.deepEqual((await disk.entries(`${d}/p`)).map((e) => e.name), ["f", "q"]);
    await assert.rejects(disk.readFile(`${d}/nothing`), { name: "RealmError", code: "not_found" });
    await assert.rejects(disk.readInto(`${d}/nothing`, new Uint8Array(1)), { code: "not_found" });
    await assert.rejects(all(disk.readStream(`${d}/nothing`)), { code: "not_found" });
    await assert.rejects(disk.create(`${d}/no/file`), { code: "not_found" });
    await assert.rejects(disk.rename(`${d}/nothing`, `${d}/y`), { code: "not_found" });
  });

  scenario("removes files and directories, and does not mind their absence", async (disk, d) => {
    await disk.makeDirectory(`${d}/p/q`);
    await disk.writeAtomic(`${d}/p/q/f`, text("1"));
    await disk.remove(`${d}/p`);
    await disk.remove(`${d}/p`);
    assert.deepEqual(await disk.list(d), []);
  });

  scenario("sets a file's time and measures the device", async (disk, d) => {
    await disk.writeAtomic(`${d}/x`, text("1"));
    await disk.touch(`${d}/x`, 1_700_000_000_000);
    assert.equal((await disk.stat(`${d}/x`))?.modifiedAt, 1_700_000_000_000);
    const { total, free } = await disk.space(d);
    assert.ok(total >= free && free > 0);
  });

  scenario("shares one flush among many callers", async (disk, d) => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => disk.writeAtomic(`${d}/f${i}`, text("x"))));
    await Promise.all(Array.from({ length: 20 }, () => disk.syncDirectory(d)));
    assert.equal((await disk.list(d)).length, 50);
  });
}
