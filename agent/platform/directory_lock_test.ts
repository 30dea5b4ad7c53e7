import assert from "node:assert/strict";
import { RealmError } from "../protocol/mod.ts";
import { lockDirectory } from "./directory_lock.ts";

Deno.test("a data directory belongs to one process at a time, and is free when that one has ended", async () => {
  const directory = await Deno.makeTempDir();
  try {
    {
      using _lock = await lockDirectory(directory, 0);
      await assert.rejects(
        lockDirectory(directory, 100),
        (error) =>
          error instanceof RealmError && error.code === "conflict" && error.message.includes(directory),
      );
    }
    using _again = await lockDirectory(directory, 0);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("where no data directory can be, that is said", async () => {
  const file = await Deno.makeTempFile();
  try {
    await assert.rejects(
      lockDirectory(file, 0),
      (error) => error instanceof RealmError && error.code === "disk",
    );
  } finally {
    await Deno.remove(file);
  }
});
