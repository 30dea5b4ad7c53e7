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
