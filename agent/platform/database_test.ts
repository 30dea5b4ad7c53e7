import assert from "node:assert/strict";
import { openDatabase } from "./database.ts";

/** SQLite's words for `synchronous`. */
const NORMAL = 1, FULL = 2;

Deno.test("a commit is flushed unless it may be later, and the next one is again, whatever became of that", async () => {
  const dir = await Deno.makeTempDir();
  using database = openDatabase(`${dir}/realm.db`, 0);
  const level = () =>
    (database.sqlite.prepare("PRAGMA synchronous").get() as { synchronous: number }).synchronous;
  assert.equal(level(), FULL);
  assert.equal(database.transaction(level), FULL);
  assert.equal(database.transaction(level, "later"), NORMAL);
  assert.equal(level(), FULL);
  assert.throws(() =>
    database.transaction(() => {
      database.setMeta("kept", "no");
      throw new Error("broken");
    }, "later"), /broken/);
  assert.equal(level(), FULL);
  assert.equal(database.meta("kept"), undefined);
  assert.equal(database.transaction(level), FULL);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("what is to be flushed later outlives the end of the process", async () => {
  const dir = await Deno.makeTempDir();
  const code = `import { openDatabase } from ${
    JSON.stringify(new URL("./database.ts", import.meta.url).href)
  };
    const database = openDatabase(${JSON.stringify(`${dir}/realm.db`)}, 0);
    database.transaction(() => database.setMeta("word", "said"), "later");
    Deno.kill(Deno.pid, "SIGKILL");`;
  await Deno.writeTextFile(`${dir}/child.ts`, code);
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { signal } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "--config", config, `${dir}/child.ts`],
  }).output();
  assert.equal(signal, "SIGKILL");
  using database = openDatabase(`${dir}/realm.db`, 0);
  assert.equal(database.damaged, undefined);
  assert.equal(database.meta("word"), "said");
  await Deno.remove(dir, { recursive: true });
});
