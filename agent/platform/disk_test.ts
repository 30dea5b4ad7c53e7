import assert from "node:assert/strict";
import { diskContract } from "../../tests/contract/disk_contract.ts";
import { createFaultyDisk } from "../../tests/faulty_disk.ts";
import { createDisk } from "./disk.ts";

diskContract("the real disk", async () => {
  const directory = await Deno.makeTempDir();
  return {
    disk: createDisk(),
    directory,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
});

diskContract("the disk in memory", async () => {
  const disk = createFaultyDisk();
  await disk.makeDirectory("/d");
  return { disk, directory: "/d", [Symbol.asyncDispose]: () => Promise.resolve() };
});

Deno.test("the real disk takes a bare name as one in the present directory", async () => {
  const disk = createDisk(), name = `bare-${crypto.randomUUID()}`;
  try {
    await disk.makeDirectory(name);
    await disk.rename(name, `${name}.moved`);
    await disk.rename(`${name}.moved`, name);
    assert.equal((await disk.stat(name))?.kind, "directory");
  } finally {
    await disk.remove(name);
    await disk.remove(`${name}.moved`);
  }
});
