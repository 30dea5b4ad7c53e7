/** A node's own files and machine as they should not be: one clear sentence, nothing changed, nothing lost. */
import assert from "node:assert/strict";
import { Cluster, eventually, realmCommand } from "../cluster.ts";

const FLAGS = ["--api", "127.0.0.1:0", "--no-mdns"];

/** Runs a command until it ends or has said what is expected; returns all it said. */
async function says(args: readonly string[], expected: RegExp): Promise<string> {
  const { command, args: all } = realmCommand(args);
  const child = new Deno.Command(command, { args: all, stdin: "null", stdout: "piped", stderr: "piped" })
    .spawn();
  let text = "", ended = false;
  const follow = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) text += new TextDecoder().decode(chunk);
  };
  const over = Promise.all([follow(child.stdout), follow(child.stderr), child.status]).then(() =>
    ended = true
  );
  try {
    await eventually(`${args.join(" ")} says ${expected}`, () => expected.test(text) || ended, 20_000);
  } finally {
    try {
      child.kill("SIGTERM");
    } catch { /* it has ended */ }
    await over;
  }
  assert.match(text, expected);
  assert.ok(!/\n\s+at /.test(text), `a stack trace is no sentence:\n${text}`);
  return text;
}

Deno.test({
  name:
    "wrong, damaged and missing files, a taken port and a full disk are told in one sentence, and lose nothing",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: 1 });
    const [node] = cluster.nodes;
    const up = (dir: string, ...more: string[]) => [
      "up",
      "--data-dir",
      dir,
      ...FLAGS,
      ...(more.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"]),
      ...(more.includes("--gateway") ? [] : ["--gateway", "127.0.0.1:0"]),
      ...more,
    ];

    await t.step("a second agent in one data directory", async () => {
      await says(up(node.dataDir), /another agent runs in .*; stop that one first/);
      assert.equal((await cluster.client(node).nodes()).length, 1, "the first one still answers");
    });
    await t.step("ports that are taken", async () => {
      const port = new URL(node.gateway).port;
      await cluster.stop(node);
      const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(port) });
      try {
        await says(
          up(node.dataDir, "--gateway", `127.0.0.1:${port}`),
          /the gateway cannot listen on .*--gateway HOST:PORT/,
        );
        await says(up(node.dataDir, "--listen", `127.0.0.1:${port}`), /Cannot listen on .*--listen/);
      } finally {
        listener.close();
      }
    });

    const path = (name: string) => `${node.dataDir}/${name}`;
    const original = new Map<string, string>();
    for (const name of ["keys/node.key", "realm.json"]) {
      original.set(name, await Deno.readTextFile(path(name)));
    }
    const half = (text: string) => text.slice(0, text.length >> 1);
    const key = original.get("keys/node.key")!;
    const cases: readonly (readonly [what: string, file: string, content: string, expected: RegExp])[] = [
      ["an empty node key", "keys/node.key", "", /damaged; restore it from a backup/],
      ["half a node key", "keys/node.key", half(key), /damaged; restore it from a backup/],
      ["a huge node key", "keys/node.key", "x".repeat(5 << 20), /damaged; restore it from a backup/],
      [
        "the owner's key as node key",
        "keys/node.key",
        await Deno.readTextFile(path("keys/owner.key")),
        /holds an owner key; put/,
      ],
      [
        "a node key with another secret",
        "keys/node.key",
        key.replace(/seed .{6}/, "seed AAAAAA"),
        /is damaged: its key is not the one/,
      ],
      ["an empty realm.json", "realm.json", "", /realm\.json is damaged .*restore it from a backup/],
      ["half a realm.json", "realm.json", half(original.get("realm.json")!), /realm\.json is damaged/],
      ["a realm.json of another form", "realm.json", "[]", /realm\.json is damaged/],
    ];
    for (const [what, file, content, expected] of cases) {
      await t.step(what, async () => {
        await Deno.writeTextFile(path(file), content);
        const said = await says(up(node.dataDir), expected);
        assert.ok(content.length < 20 || !said.includes(content.slice(-20)), "it repeats a secret");
        assert.equal(await Deno.readTextFile(path(file)), content, "it was changed");
        await Deno.writeTextFile(path(file), original.get(file)!);
      });
    }
    await t.step("no data directory, or a file in its place", async () => {
      const file = `${cluster.root}/file`;
      await Deno.writeTextFile(file, "mine");
      await says(["init", "--data-dir", file], /cannot write .*--data-dir/);
      assert.equal(await Deno.readTextFile(file), "mine");
      await says(up(`${cluster.root}/nowhere`), /belongs to no realm.*realm init/);
    });
    await t.step("half an agent.json is as good as none", async () => {
      await Deno.writeTextFile(path("agent.json"), '{"pi');
      await says(["status", "--data-dir", node.dataDir], /no node runs here; start it with 'realm up'/);
      await Deno.remove(path("agent.json"));
    });

    const small = `${cluster.root}/small`;
    await Deno.mkdir(small);
    const run = (command: string, ...args: string[]) =>
      new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output().catch(() => ({
        success: false,
      }));
    const mounted = Deno.build.os === "linux" &&
      (await run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small)).success;
    if (!mounted) console.log("a full disk is not tried: this system lets nobody make one");
    await t.step({
      name: "a full disk, at start and at init",
      ignore: !mounted,
      async fn() {
        try {
          const dir = `${small}/node`;
          await run("cp", "-r", node.dataDir, dir);
          const before = await Deno.readFile(`${dir}/realm.db`);
          const fill = (name: string) => run("sh", "-c", `head -c 4m /dev/zero > ${small}/${name}`);
          await fill("fill");
          await says(up(dir), /the disk is full; free some space/);
          await fill("what_sqlite_gave_back");
          await says(["init", "--data-dir", `${small}/other`], /the disk is full; free some space/);
          const kept = await Array.fromAsync(Deno.readDir(dir), (e) => e.name);
          assert.ok(!kept.some((name) => name.includes("damaged")), "a full disk is no damage");
          assert.deepEqual(await Deno.readFile(`${dir}/realm.db`), before);
          const other = await Array.fromAsync(Deno.readDir(`${small}/other/keys`), (e) => e.name).catch(
            () => [],
          );
          assert.deepEqual(other, [], "half a realm was left behind");
          for (const name of ["fill", "what_sqlite_gave_back"]) await Deno.remove(`${small}/${name}`);
          await says(up(dir), /node is up/);
        } finally {
          await run("umount", small);
        }
      },
    });
    await t.step("and with everything in its place the node is as it was", async () => {
      await cluster.restart(node);
      const [view] = await cluster.client(node).nodes();
      assert.equal(view.name, "n0");
    });
  },
});
