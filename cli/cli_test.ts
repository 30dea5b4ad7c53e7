import assert from "node:assert/strict";
import { exitCodeOf, isDigest, parseInviteToken, shortId } from "../mod.ts";
import { CliBed, realmCli } from "../tests/cli_bed.ts";
import { self } from "../tests/test_keys.ts";
import { testApp } from "../tests/test_views.ts";

const ok = (ran: { code: number; stderr: string }) => assert.equal(ran.code, 0, ran.stderr);

Deno.test("lists are aligned tables, and JSON with --json", async () => {
  await using bed = await CliBed.open();
  const nodes = await bed.run("node", "list");
  ok(nodes);
  const ids = bed.agent.nodeViews.map((n) => shortId(n.id));
  assert.equal(
    nodes.stdout,
    `NAME      ID        STATE  WORK      PLATFORM     CPUS  MEMORY            REPLICAS  VERSION  TAGS
node-2 *  ${ids[0]}  alive  open      linux/amd64  4     67.1 MB / 8.6 GB  1         0.1.0    production
node-3    ${ids[1]}  alive  cordoned  linux/amd64  4     67.1 MB / 8.6 GB  1         0.1.0    edge
`,
  );
  const apps = await bed.run("app", "list");
  assert.equal(
    apps.stdout,
    "NAME  VERSION  STATE   HEALTHY  LINK\n" +
      "site  1.0.0    steady  1/1      http://site.localhost:7480/\n",
  );
  const json = JSON.parse((await bed.run("app", "list", "--json")).stdout);
  assert.equal(json[0].name, "site");
});

Deno.test("every read prints something, as text and as JSON", async () => {
  await using bed = await CliBed.open();
  bed.agent.store.set("a".repeat(64), new Uint8Array([1, 2]));
  for (
    const line of [
      "status",
      "why site",
      "node show node-3",
      "app show site",
      "app history site",
      "key show",
      "audit list",
      "audit verify",
      "storage list",
      "storage show aaaaaaaa",
      "doctor",
    ]
  ) {
    const text = await bed.run(...line.split(" "));
    ok(text);
    assert.ok(text.stdout.length > 0, line);
    const json = await bed.run(...line.split(" "), "--json");
    ok(json);
    assert.equal(typeof JSON.parse(json.stdout), "object", line);
  }
  const log = await bed.run("app", "logs", "site");
  assert.match(log.stdout, /node-2 hello\n.*node-2 world\n$/);
  assert.equal(log.stderr, "");
  const { replicas } = testApp("site");
  bed.agent.appViews.set(
    "site",
    testApp("site", { replicas: [{ ...replicas[0], state: "node unreachable" }] }),
  );
  const part = await bed.run("app", "logs", "site");
  assert.equal(
    part.stderr,
    `note: what was logged on ${replicas[0].node_name} is not shown: it does not answer\n`,
  );
});

Deno.test("text from elsewhere cannot steer the terminal", async () => {
  await using bed = await CliBed.open();
  bed.agent.appViews.set("site", testApp("site", { version: "1\x1b[2J\x07\nx" }));
  const { stdout } = await bed.run("app", "list");
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(stdout, /[\x1b\x07]/);
  assert.equal(stdout.split("\n").length, 3);
});

Deno.test("failures are one sentence on stderr, with the exit code of their kind", async () => {
  await using bed = await CliBed.open();
  for (
    const [line, code, says] of [
      ["app show none", exitCodeOf("not_found"), /^realm: there is no app none; see 'realm app list'\n$/],
      ["why none", 4, /^realm: there is no .*none/],
      ["app list --connect 127.0.0.1:1", 5, /^realm: no node answers at http:\/\/127.0.0.1:1; start one/],
      ["app scale site many", 2, /^realm: REPLICAS is a whole number/],
      ["audit list --since yesterday", 2, /^realm: --since is a time such as/],
      ["app list --key /nowhere", 4, /does not exist/],
      ["deploy /nowhere", 4, /\/nowhere does not exist/],
      ["completions tcsh", 2, /SHELL is bash/],
    ] as const
  ) {
    const ran = await bed.run(...line.split(" "));
    assert.equal(ran.code, code, line);
    assert.match(ran.stderr, says, line);
    assert.equal(ran.stdout, "", line);
  }
});

Deno.test("a machine without realm, node or key says what to do", async () => {
  const dir = await Deno.makeTempDir();
  const env = { REALM_DATA_DIR: dir };
  const nothing = await realmCli(["status"], env);
  assert.equal(nothing.code, 4);
  assert.match(nothing.stderr, /belongs to no realm.*'realm init'.*'realm join TOKEN'/);
  const up = await realmCli(["up"], env);
  assert.equal(up.code, 4);
  await Deno.remove(dir, { recursive: true });
  await using bed = await CliBed.open(["node"]);
  ok(await bed.run("app", "list"));
  const change = await bed.run("app", "scale", "site", "2");
  assert.equal(change.code, 3);
  assert.match(change.stderr, /no owner or operator key.*--key FILE/);
  await Deno.remove(`${bed.dataDir}/agent.json`);
  const stopped = await bed.run("app", "list");
  assert.equal(stopped.code, 5);
  assert.match(stopped.stderr, /no node runs here; start it with 'realm up'/);
});

Deno.test("init makes keys that only their user can read, and never over others", async () => {
  const dir = await Deno.makeTempDir();
  const env = { REALM_DATA_DIR: `${dir}/deep/data`, REALM_PASSPHRASE: "correct horse" };
  const made = await realmCli(["init", "--passphrase", "--json"], env);
  ok(made);
  const { realm, owner_key, encrypted } = JSON.parse(made.stdout);
  assert.equal(encrypted, true);
  for (const name of ["keys/owner.key", "keys/node.key", "realm.json"]) {
    const { mode } = await Deno.stat(`${dir}/deep/data/${name}`);
    if (Deno.build.os !== "windows") assert.equal(mode! & 0o777, 0o600, name);
  }
  const before = await Deno.readTextFile(owner_key);
  assert.match(before, /^realm-key-1\nkind owner\nid z6Mk\w+\nsealed scrypt 17 /);
  const again = await realmCli(["init"], env);
  assert.equal(again.code, 1);
  assert.equal(await Deno.readTextFile(owner_key), before);
  const address = "/ip4/127.0.0.1/tcp/4001";
  const invited = await realmCli(["invite", "--uses", "3", "--bootstrap", address, "--tags", "a,b"], env);
  ok(invited);
  const token = parseInviteToken(invited.stdout);
  assert.ok(token.ok);
  const { uses, bootstrap, tags } = token.value.invite;
  assert.deepEqual({ realm: token.value.invite.realm, uses, bootstrap, tags }, {
    realm,
    uses: 3,
    bootstrap: [address],
    tags: ["a", "b"],
  });
  const joined = await realmCli(["join", invited.stdout.trim(), "--no-start", "--data-dir", `${dir}/other`]);
  ok(joined);
  assert.equal(JSON.parse(await Deno.readTextFile(`${dir}/other/realm.json`)).realm, realm);
  const elsewhere = await realmCli(["init", "--data-dir", `${dir}/third`]);
  ok(elsewhere);
  const conflict = await realmCli([
    "join",
    invited.stdout.trim(),
    "--no-start",
    "--data-dir",
    `${dir}/third`,
  ]);
  assert.equal(conflict.code, 1);
  const garbage = await realmCli(["join", "realm-invite-1.xx", "--no-start", "--data-dir", `${dir}/fourth`]);
  assert.equal(garbage.code, 3);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("an invite names the running nodes' addresses", async () => {
  await using bed = await CliBed.open();
  const ran = await bed.run("invite");
  ok(ran);
  const token = parseInviteToken(ran.stdout);
  assert.ok(token.ok);
  assert.deepEqual(token.value.invite.bootstrap, [
    `/ip4/127.0.0.1/tcp/7002/p2p/${self}`,
    `/ip4/127.0.0.1/tcp/7003/p2p/${bed.agent.nodeViews[1].id}`,
  ]);
});

Deno.test("changes are signed commands, and their ids are printed", async () => {
  await using bed = await CliBed.open();
  const other = bed.agent.nodeViews[1].id;
  const pinned = "a".repeat(64);
  bed.agent.store.set(pinned, new Uint8Array([1, 2]));
  const cases: [string, string, unknown][] = [
    ["node cordon node-3", "node.cordon", { node: other }],
    ["node uncordon node-3", "node.uncordon", { node: other }],
    ["node tag node-3 a b=c", "node.tag", { node: other, tags: ["a", "b=c"] }],
    ["node tag node-3", "node.tag", { node: other, tags: [] }],
    ["node drain node-3", "node.drain", { node: other }],
    ["node remove node-3 --yes", "node.remove", { node: other }],
    ["policy set allow_native_execution=true --node node-3", "policy.set", {
      rule: "allow_native_execution",
      value: true,
      node: other,
    }],
    ["policy set native_read=/opt/a,/opt/b", "policy.set", {
      rule: "native_read",
      value: ["/opt/a", "/opt/b"],
    }],
    ["policy set sandbox_minimum=", "policy.set", { rule: "sandbox_minimum", value: null }],
    ["app scale site 3 --detach", "app.scale", { app: "site", replicas: 3 }],
    ["app rollback site 1 --detach", "app.rollback", { app: "site", revision: "a".repeat(64) }],
    ["app remove site --yes --detach", "app.remove", { app: "site", volumes: false }],
    ["storage pin aaaaaaa --copies 3", "blob.pin", { digest: pinned, copies: 3, tags: [], size: 2 }],
    ["storage unpin aaaaaaa", "blob.unpin", { digest: pinned }],
    [`invite --revoke ${"b".repeat(64)}`, "invite.revoke", { invite: "b".repeat(64) }],
  ];
  for (const [line, kind, body] of cases) {
    const ran = await bed.run(...line.split(" "), "--json");
    ok(ran);
    const last = bed.agent.commands.at(-1)!;
    assert.deepEqual({ kind: last.kind, body: last.body }, { kind, body }, line);
    assert.ok(isDigest(JSON.parse(ran.stdout).id), line);
  }
});

Deno.test("what cannot be undone is asked, and needs --yes where nobody can answer", async () => {
  await using bed = await CliBed.open();
  for (const line of ["node remove node-3", "app remove site", "app remove site --volumes"]) {
    const ran = await bed.run(...line.split(" "));
    assert.equal(ran.code, 2, line);
    assert.match(ran.stderr, /needs a terminal or --yes/);
  }
  assert.deepEqual(bed.agent.commands, []);
});

Deno.test("a name that two nodes have is refused with their ids", async () => {
  await using bed = await CliBed.open();
  bed.agent.nodeViews[1] = { ...bed.agent.nodeViews[1], name: "node-2" };
  const ran = await bed.run("node", "cordon", "node-2");
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /2 nodes are called node-2; use an id: /);
  ok(await bed.run("node", "cordon", shortId(bed.agent.nodeViews[1].id)));
});

Deno.test("an operator key is made, granted, used within its role, and revoked", async () => {
  await using bed = await CliBed.open();
  const key = `${bed.dataDir}/alice.key`;
  const { key: id } = JSON.parse((await bed.run("key", "create", "-o", key, "--json")).stdout);
  const before = await bed.run("app", "list", "--key", key);
  assert.equal(before.code, 3);
  assert.match(before.stderr, /no grant beside it; ask an admin for 'realm key grant z6Mk/);
  ok(await bed.run("key", "grant", id, "--role", "viewer", "-o", `${bed.dataDir}/alice.grants.json`));
  assert.equal(bed.agent.commands.at(-1)!.kind, "key.grant");
  ok(await bed.run("app", "list", "--key", key));
  const scale = await bed.run("app", "scale", "site", "2", "--key", key);
  assert.equal(scale.code, 3);
  assert.match(scale.stderr, /needs the role operator/);
  ok(await bed.run("key", "revoke", id));
  const after = await bed.run("app", "list", "--key", key);
  assert.equal(after.code, 3);
  assert.match(after.stderr, /was revoked/);
});

Deno.test("a session is kept for the next command line, readable by its user alone", async () => {
  await using bed = await CliBed.open();
  ok(await bed.run("app", "list"));
  const path = `${bed.dataDir}/session.json`;
  const first = await Deno.readTextFile(path);
  if (Deno.build.os !== "windows") assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  ok(await bed.run("app", "list"));
  assert.equal(await Deno.readTextFile(path), first);
  const damaged = { ...JSON.parse(first), token: "A".repeat(43) };
  await Deno.writeTextFile(path, JSON.stringify(damaged));
  ok(await bed.run("app", "list"));
  assert.notEqual(await Deno.readTextFile(path), JSON.stringify(damaged));
});
