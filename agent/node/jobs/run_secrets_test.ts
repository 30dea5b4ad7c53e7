import assert from "node:assert/strict";
import type { AttemptOrder } from "../../core/mod.ts";
import { utf8 } from "../../protocol/mod.ts";
import { specOf } from "../../../tests/sim/attempts.ts";
import { JobLog } from "./job_log.ts";
import { chooseSecretsRoots, giveSecrets, removeSecrets } from "./run_secrets.ts";

/** Gives the secrets of an attempt whose files lie below `root`. */
async function given(root: string, values: Record<string, Uint8Array>, as: "env" | "file") {
  const secrets = Object.keys(values).map((name) => ({ variable: name.toUpperCase(), name, as }));
  const order: AttemptOrder = {
    by: "who",
    via: "n0",
    attempt: "a-1",
    run: "a",
    number: 1,
    epoch: 1,
    spec: specOf("a", { secrets }),
    inputs: [],
  };
  const world = {
    secretsRoots: { wasm: root, native: root },
    openSecret: (name: string) => values[name].slice(),
    disk: { remove: (path: string) => Deno.remove(path, { recursive: true }) },
  };
  const log = new JobLog(`${await Deno.makeTempDir()}/log`, Infinity);
  return { order, world, log, result: await giveSecrets(world, order, log) };
}

Deno.test("files of secrets lie below a directory that was not there, are for their owner alone, and go", async () => {
  const folder = await Deno.makeTempDir();
  const root = `${folder}/work/secrets`;
  const { order, world, log, result } = await given(root, { key: utf8("a private key") }, "file");
  assert.deepEqual(result, {
    env: {},
    files: { directory: `${root}/who/a-1`, variables: { KEY: "KEY" } },
  });
  assert.equal(await Deno.readTextFile(`${root}/who/a-1/KEY`), "a private key");
  if (Deno.build.os !== "windows") {
    assert.equal((await Deno.stat(`${root}/who/a-1/KEY`)).mode! & 0o777, 0o400);
    assert.equal((await Deno.stat(`${root}/who/a-1`)).mode! & 0o777, 0o700);
  }
  assert.equal(log.masker.mask("see a private key"), "see ***");
  await removeSecrets(world, order);
  assert.deepEqual([...Deno.readDirSync(root)], []);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a variable must be a text; the refusal does not repeat it", async () => {
  const root = await Deno.makeTempDir();
  for (const value of [Uint8Array.of(0xff, 0xfe, 0xfd, 0xfc), utf8("abc\0def")]) {
    await assert.rejects(given(root, { key: value }, "env"), /the secret key is no text.*as = "file"/);
  }
  assert.deepEqual((await given(root, { key: utf8("wörd") }, "env")).result, { env: { KEY: "wörd" } });
});

Deno.test("what a process before left of secrets is removed when the next one starts", async () => {
  const dataDir = await Deno.makeTempDir();
  const roots = chooseSecretsRoots(dataDir);
  for (const root of new Set(Object.values(roots))) {
    await Deno.mkdir(`${root}/who/a-1`, { recursive: true });
    await Deno.writeTextFile(`${root}/who/a-1/KEY`, "left");
  }
  assert.deepEqual(chooseSecretsRoots(dataDir), roots);
  for (const root of new Set(Object.values(roots))) {
    await assert.rejects(Deno.stat(root), Deno.errors.NotFound);
  }
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test({
  name: "a directory that somebody else put in the way is not used",
  ignore: Deno.uid() !== 0,
  async fn() {
    const folder = await Deno.makeTempDir();
    await Deno.mkdir(`${folder}/root`);
    await Deno.chown(`${folder}/root`, 61_234, 61_234);
    await assert.rejects(given(`${folder}/root`, { key: utf8("a private key") }, "file"), /is in the way/);
    await Deno.remove(folder, { recursive: true });
  },
});
