import assert from "node:assert/strict";
import { type AppView, type DeployWish, exitCodeOf, type NodeView } from "../mod.ts";
import { CliBed } from "../tests/cli_bed.ts";
import { testApp } from "../tests/test_views.ts";

const MANIFEST = `[component]
name = "shop"
version = "2.0.0"
[http]
static = "/www"
[[mounts]]
kind = "static"
guest = "/www"
source = "static/"
`;

async function packageDirectory(files: Record<string, string>): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "realm-package-" });
  await Deno.mkdir(`${dir}/static`);
  await Deno.writeTextFile(`${dir}/manifest.toml`, MANIFEST);
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${dir}/static/${name}`, text);
  return dir;
}

/** Lets the fake carry out deploys: `end` says what becomes of them. */
function deploying(bed: CliBed, end: (app: AppView, id: string) => AppView): void {
  bed.agent.onCommand = (kind, body, id) => {
    if (kind !== "app.deploy") return;
    const { app, spec } = body as DeployWish;
    const view = testApp(app, { version: spec.version, revision: id });
    const replicas = view.replicas.map((r) => ({ ...r, revision: id }));
    bed.agent.appViews.set(app, end({ ...view, replicas }, id));
  };
}

Deno.test("deploy uploads what is missing, submits one command and ends healthy", async () => {
  await using bed = await CliBed.open();
  const dir = await packageDirectory({ "index.html": "<h1>hi</h1>", "a.txt": "a" });
  deploying(bed, (app) => app);
  const first = await bed.run("deploy", dir, "--tag", "production,!edge", "--strategy", "canary");
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /^shop 2\.0\.0: 3 of 3 files uploaded/);
  assert.match(first.stdout, /^healthy: shop 2\.0\.0 with 1 replica\n {2}http:\/\/shop\.localhost/);
  const wish = bed.agent.commands[0].body as DeployWish;
  assert.deepEqual(wish.tags, ["production", "!edge"]);
  assert.equal(wish.strategy, "canary");
  assert.equal(wish.spec.kind, "static");
  assert.ok(bed.agent.store.has(wish.spec.package));
  await Deno.writeTextFile(`${dir}/static/a.txt`, "b");
  const second = await bed.run("deploy", dir);
  assert.match(second.stderr, /2 of 3 files uploaded/);
  assert.equal(bed.agent.commands.length, 2);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("a rolled back deploy ends with its reason, the last log lines and exit code 1", async () => {
  await using bed = await CliBed.open();
  const dir = await packageDirectory({ "index.html": "x" });
  deploying(bed, (app, id) => ({
    ...app,
    version: "1.0.0",
    revision: "c".repeat(64),
    phase: "rolled_back",
    rejected: { revision: id, reason: "replica shop-0 on node-2: it trapped\nwasm trap: unreachable" },
  }));
  const ran = await bed.run("deploy", dir);
  assert.equal(ran.code, 1);
  assert.match(
    ran.stderr,
    /rolled back to 1\.0\.0: shop: replica shop-0 on node-2: it trapped\n {2}wasm trap: unreachable\n/,
  );
  await Deno.remove(dir, { recursive: true });
});

Deno.test("a deploy that does not end in time says so and where to look, with exit code 124", async () => {
  await using bed = await CliBed.open();
  const dir = await packageDirectory({ "index.html": "x" });
  deploying(bed, (app) => ({ ...app, phase: "rolling", healthy: 0 }));
  const ran = await bed.run("deploy", dir, "--timeout", "300ms");
  assert.equal(ran.code, 124);
  assert.match(ran.stderr, /shop is not healthy yet; the rollout goes on, see 'realm why shop'/);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("deploy --plan changes nothing and uploads nothing", async () => {
  await using bed = await CliBed.open(["node"]);
  const dir = await packageDirectory({ "index.html": "x" });
  const ran = await bed.run("deploy", dir, "--plan");
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(
    ran.stdout,
    `shop: install 2.0.0, rolling

SLOT  ACTION  NODE    WHY
0     start   node-2

Nodes that cannot take it
NODE    WHY             FIX
node-3  it is cordoned  realm node uncordon node-3
`,
  );
  assert.equal(bed.agent.store.size, 0);
  assert.deepEqual(bed.agent.commands, []);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("package create, inspect, verify and deploy of the file agree on the digest", async () => {
  await using bed = await CliBed.open();
  const dir = await packageDirectory({ "index.html": "x" });
  const file = `${dir}.realm`;
  const created = JSON.parse(
    (await bed.run("package", "create", dir, "-o", file, "--sign", "--json")).stdout,
  );
  const inspected = JSON.parse((await bed.run("package", "inspect", file, "--json")).stdout);
  const verified = await bed.run("package", "verify", file, "--json");
  assert.equal(verified.code, 0);
  deploying(bed, (app) => app);
  assert.equal((await bed.run("deploy", file)).code, 0);
  const wish = bed.agent.commands[0].body as DeployWish;
  for (const { digest } of [inspected, JSON.parse(verified.stdout)]) assert.equal(digest, created.digest);
  assert.equal(wish.spec.package, created.digest);
  assert.equal(JSON.parse(verified.stdout).signature, "valid");
  const bytes = await Deno.readFile(file);
  bytes[bytes.indexOf(0x78, bytes.length - 2_048)] ^= 1;
  await Deno.writeFile(file, bytes);
  assert.equal((await bed.run("package", "verify", file)).code, 1);
  await Deno.remove(dir, { recursive: true });
  await Deno.remove(file);
});

Deno.test("apply refuses a wrong manifest whole, and changes only what differs", async () => {
  await using bed = await CliBed.open();
  const dir = await packageDirectory({ "index.html": "x" });
  const node = bed.agent.nodeViews[1].id, file = `${dir}.toml`;
  await Deno.writeTextFile(file, `[[node]]\nnode = "${node}"\ncordn = true\n`);
  const refused = await bed.run("apply", file);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /\.toml:3: `node\[0\]\.cordn`: unknown key; did you mean `cordon`\?/);
  const app = `[app]\npackage = "${dir.split("/").at(-1)}"\n`;
  await Deno.writeTextFile(file, `${app}[node]\nnode = "${node}"\ntags = ["edge"]\ncordon = false\n`);
  deploying(bed, (app) => app);
  const planned = await bed.run("apply", file, "--plan");
  assert.equal(planned.code, 0, planned.stderr);
  assert.match(planned.stdout, /^uncordon node-3\ndeploy shop 2\.0\.0\nshop: install/);
  assert.equal(bed.agent.commands.length, 0);
  const applied = await bed.run("apply", file);
  assert.equal(applied.code, 0, applied.stderr);
  assert.deepEqual(bed.agent.commands.map((c) => c.kind), ["node.uncordon", "app.deploy"]);
  await Deno.remove(dir, { recursive: true });
  await Deno.remove(file);
});

Deno.test("apply makes a node take work as wished, with no command where it does already", async () => {
  const cases: readonly (readonly [NodeView["scheduling"], string, ...string[]])[] = [
    ["open", "cordon = true", "node.cordon"],
    ["draining", "cordon = true"],
    ["cordoned", "cordon = false", "node.uncordon"],
    ["open", "drain = true", "node.drain"],
    ["cordoned", "drain = true", "node.drain"],
    ["draining", "drain = true\ncordon = true"],
    ["draining", "drain = false", "node.uncordon"],
    ["draining", "drain = false\ncordon = true", "node.cordon"],
    ["cordoned", "drain = false"],
    ["open", "drain = false\ncordon = false"],
  ];
  const file = await Deno.makeTempFile({ suffix: ".toml" });
  for (const [scheduling, wish, ...kinds] of cases) {
    await using bed = await CliBed.open();
    const [, node] = bed.agent.nodeViews;
    bed.agent.nodeViews[1] = { ...node, scheduling };
    await Deno.writeTextFile(file, `[node]\nnode = "${node.id}"\n${wish}\n`);
    const applied = await bed.run("apply", file);
    assert.equal(applied.code, 0, applied.stderr);
    assert.deepEqual(bed.agent.commands.map((c) => c.kind), kinds, `${scheduling}: ${wish}`);
  }
  await Deno.remove(file);
});

Deno.test("a package that the realm has is deployed by its digest, by deploy and by apply, without its files", async () => {
  await using bed = await CliBed.open();
  const dir = await packageDirectory({ "index.html": "x" });
  deploying(bed, (app) => app);
  assert.equal((await bed.run("deploy", dir)).code, 0);
  const { spec } = bed.agent.commands[0].body as DeployWish;
  await Deno.remove(dir, { recursive: true });
  const again = await bed.run("deploy", spec.package, "--name", "second");
  assert.equal(again.code, 0, again.stderr);
  const file = await Deno.makeTempFile({ suffix: ".toml" });
  await Deno.writeTextFile(file, `[app]\npackage = "${spec.package}"\nname = "third"\n`);
  const applied = await bed.run("apply", file);
  assert.equal(applied.code, 0, applied.stderr);
  const wishes = bed.agent.commands.map((c) => c.body as DeployWish);
  assert.deepEqual(wishes.map((w) => [w.app, w.spec]), [["shop", spec], ["second", spec], ["third", spec]]);
  const none = await bed.run("deploy", "0".repeat(64));
  assert.equal(none.code, exitCodeOf("not_found"), none.stderr);
  await Deno.remove(file);
});

Deno.test("storage put and get carry content both ways, verified", async () => {
  await using bed = await CliBed.open();
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/in.txt`, "content");
  const put = JSON.parse((await bed.run("storage", "put", `${dir}/in.txt`, "--json")).stdout);
  assert.equal(put.name, "in.txt");
  assert.equal(bed.agent.commands[0].kind, "blob.pin");
  const got = await bed.run("storage", "get", put.digest.slice(0, 12), "-o", `${dir}/out.txt`);
  assert.equal(got.code, 0, got.stderr);
  assert.equal(await Deno.readTextFile(`${dir}/out.txt`), "content");
  assert.equal((await bed.run("storage", "get", put.digest)).stdout, "content");
  bed.agent.store.set(put.digest, new TextEncoder().encode("changed"));
  const wrong = await bed.run("storage", "get", put.digest, "-o", `${dir}/wrong.txt`);
  assert.equal(wrong.code, exitCodeOf("bad_digest"));
  await assert.rejects(Deno.stat(`${dir}/wrong.txt`));
  const onto = await bed.run("storage", "get", put.digest, "-o", dir);
  assert.equal(onto.code, 2);
  assert.match(onto.stderr, /is a directory; name the file that is to be written/);
  const nowhere = await bed.run("storage", "get", put.digest, "-o", `${dir}/none/x`);
  assert.equal(nowhere.code, exitCodeOf("not_found"));
  assert.match(nowhere.stderr, /cannot write .*\/none\/x: there is no such directory; make it first/);
  const unread = await bed.run("apply", dir);
  assert.match(unread.stderr, /cannot read .*: it is a directory; name a file/);
  await Deno.remove(dir, { recursive: true });
});
