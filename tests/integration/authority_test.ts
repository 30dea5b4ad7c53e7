/**
 * Who may change what, tried against real nodes: at each API route that takes commands, over the mesh as a member that
 * obeys nothing, and as a stranger. Nothing that is not authorised changes anything anywhere, and the refusal names its
 * rule.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { multiaddr } from "@multiformats/multiaddr";
import { createSigner } from "../../agent/platform/mod.ts";
import { createStranger } from "../../agent/mesh/libp2p_node.ts";
import { protocolOf } from "../../agent/mesh/channels.ts";
import {
  httpStatusOf,
  limits,
  type NodeId,
  queries,
  type Query,
  type RealmRecord,
  sealRecord,
  utf8,
} from "../../agent/protocol/mod.ts";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { commandKey, joinEvil } from "../evil_member.ts";
import { forbidden, Hand } from "../hand.ts";

const SITE = new URL("../../examples/hello-site/dist/app.realm", import.meta.url).pathname;
const DAY = 86_400_000;
const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));

/** What a node holds on disk, without what changes by itself with time. */
function records(node: ClusterNode): string[] {
  using database = new DatabaseSync(`${node.dataDir}/realm.db`, { readOnly: true });
  const rows = database.prepare("SELECT author, key, seq, s FROM records ORDER BY author, key").all();
  return rows.filter(({ key }) => !/^(audit|node|liveness\/.*)$/.test(String(key))).map((r) =>
    JSON.stringify(r)
  );
}

/** What all nodes hold and say of the app; taken before and after. */
async function state(cluster: Cluster) {
  return await Promise.all(cluster.nodes.map(async (node) => {
    const app = await cluster.client(node).app("hello-site");
    const { metrics: _m, ...rest } = app;
    return {
      node: node.name,
      app: { ...rest, replicas: rest.replicas.map((r) => r.id) },
      revisions: (await cluster.client(node).history("hello-site")).length,
      keys: await cluster.client(node).keys(),
      names: (await cluster.client(node).nodes()).filter((n) => n.name !== "evil").map((
        n,
      ) => [n.name, n.state, n.scheduling]),
      records: records(node),
    };
  }));
}

async function settled(cluster: Cluster): Promise<void> {
  await eventually("all nodes hold the same", async () => {
    const digests = await Promise.all(
      cluster.nodes.map(async (n) => (await cluster.client(n).realm()).digest),
    );
    return new Set(digests).size === 1;
  }, 30_000);
}

const post = (node: ClusterNode, path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(node.api + path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });

/** Refusals by their code, to be told. */
const refusals = new Map<string, number>();
async function refusedWith(response: Response, code: string, what: string): Promise<void> {
  const problem = await response.json();
  assert.equal(problem.code, code, `${what}: ${JSON.stringify(problem)}`);
  assert.equal(response.status, httpStatusOf(problem.code), what);
  assert.match(response.headers.get("content-type") ?? "", /application\/problem\+json/);
  assert.ok(problem.detail.length > 10, `${what}: it says nothing`);
  refusals.set(code, (refusals.get(code) ?? 0) + 1);
}

Deno.test({
  name: "what is not authorised changes nothing anywhere, at the API and over the mesh, and names its rule",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: 3 });
    const [n0, n1] = cluster.nodes;
    await cluster.realm("deploy", SITE, "--replicas", "3");
    const hand = new Hand(cluster);
    const lost = hand.key("operator");
    await cluster.client(n0).command("key.revoke", { key: lost.key });
    const replayed = hand.command("app.scale", { app: "hello-site", replicas: 3 });
    assert.equal((await post(n0, "/api/commands", replayed)).status, 202);
    await settled(cluster);

    await t.step("commands at every node's API", async () => {
      const before = await state(cluster);
      const byRevoked = hand.command("app.scale", { app: "hello-site", replicas: 1 }, lost);
      const cases = [
        ...forbidden(hand),
        ["a revoked key", byRevoked, "grant_revoked"] as const,
        ["a command of before", replayed, "replayed"] as const,
      ];
      for (const node of cluster.nodes) {
        const entries = (await cluster.client(node).audit()).length;
        for (const [what, command, code] of cases) {
          await refusedWith(await post(node, "/api/commands", command), code, what);
        }
        const audit = (await cluster.client(node).audit()).slice(0, -entries).reverse();
        const refused = audit.filter((e) => e.result === "refused").map((e) => e.code);
        assert.deepEqual(refused, cases.map(([, , code]) => code), `the audit of ${node.name}`);
        assert.ok((await cluster.client(node).auditVerify()).ok);
      }
      assert.deepEqual(await state(cluster), before);
    });

    await t.step("every other route needs a session with the right role", async () => {
      const before = await state(cluster);
      const viewer = hand.key("viewer");
      const open = await post(n0, "/api/session", await hand.session(n0, viewer));
      assert.equal(open.status, 200);
      const { token } = await open.json();
      const short = await (await post(n0, "/api/session", await hand.session(n0, viewer, { ttlMs: 1_000 })))
        .json();
      const doomed = hand.key("operator");
      const doomedToken =
        (await (await post(n0, "/api/session", await hand.session(n0, doomed))).json()).token;
      await cluster.client(n0).command("key.revoke", { key: doomed.key });
      await eventually("the short session ended", () => Date.now() > short.until);
      const path = (p: string) => p.replace("{digest}", "0".repeat(64)).replaceAll(/\{\w+\}/g, "x");
      for (const [name, query] of Object.entries(queries) as [string, Query][]) {
        if (query.role === undefined) continue;
        const ask = (headers: Record<string, string>) =>
          fetch(n0.api + path(query.path), {
            method: query.method,
            headers: { "content-type": "application/json", ...headers },
            ...(query.method === "GET" ? {} : { body: "{}" }),
          });
        await refusedWith(await ask({}), "unauthenticated", name);
        await refusedWith(await ask({ authorization: `Bearer ${"A".repeat(43)}` }), "unauthenticated", name);
        await refusedWith(
          await ask({ authorization: `Bearer ${short.token}` }),
          "unauthenticated",
          `${name}, ended`,
        );
        if (query.role !== "viewer") {
          await refusedWith(
            await ask({ authorization: `Bearer ${token}` }),
            "role_too_low",
            `${name}, viewer`,
          );
        }
        await refusedWith(
          await ask({ authorization: `Bearer ${token}`, origin: "https://evil.example" }),
          "bad_origin",
          `${name} from another site`,
        );
      }
      const revoked = await fetch(`${n0.api}/api/apps`, {
        headers: { authorization: `Bearer ${doomedToken}` },
      });
      await refusedWith(revoked, "grant_revoked", "a session of a revoked key");
      const client = Deno.createHttpClient({ allowHost: true });
      const rebound = await fetch(`${n0.api}/api/realm`, {
        headers: { host: "evil.example", authorization: `Bearer ${token}` },
        client,
      });
      client.close();
      await refusedWith(rebound, "bad_origin", "another host's name");
      const assertions = [
        [await hand.session(n0, { signer: createSigner(random(32)), grants: [] }), "not_authorised"],
        [await hand.session(n0, hand.key("viewer", -2 * DAY, -DAY)), "grant_expired"],
        [await hand.session(n0, lost), "grant_revoked"],
        [await hand.session(n0, viewer, { challenge: "c".repeat(40) }), "stale_command"],
        [await hand.session(n1, viewer), "bad_origin"],
        [await hand.session(n0, viewer, { address: "https://192.0.2.1:7481" }), "bad_origin"],
        [await hand.session(n0, viewer, { realm: viewer.key }), "wrong_realm"],
      ] as const;
      for (const [assertion, code] of assertions) {
        await refusedWith(await post(n0, "/api/session", assertion), code, `a session: ${code}`);
      }
      const once = await hand.session(n0, viewer);
      assert.equal((await post(n0, "/api/session", once)).status, 200);
      await refusedWith(await post(n0, "/api/session", once), "replayed", "a session assertion twice");
      await settled(cluster);
      const after = await state(cluster);
      assert.deepEqual(after.map((s) => [s.app, s.revisions]), before.map((s) => [s.app, s.revisions]));
    });

    const members = new Map<NodeId, readonly string[]>();
    const idOf = new Map<string, NodeId>();
    for (const view of await cluster.client(n0).nodes()) {
      members.set(view.id, view.info!.addresses);
      idOf.set(view.name, view.id);
    }
    const all = [...members.keys()];
    const audited = async (node: ClusterNode, actor: NodeId) =>
      (await cluster.client(node).audit({ actor })).filter((e) =>
        e.action === "record" && e.result === "refused"
      )
        .map((e) => e.code);

    await t.step("records with commands that nobody entitled signed, by sync and by gossip", async () => {
      for (const [what, command, code] of forbidden(hand)) {
        await using evil = await joinEvil(await cluster.invite(), members);
        await settled(cluster);
        const before = await state(cluster);
        const one: RealmRecord = evil.record(commandKey(command), command);
        await evil.send(all, { t: "have", records: [one.wire], upTo: {}, more: false });
        const two = evil.record(commandKey(command), command);
        evil.mesh.publish(utf8(JSON.stringify({ t: "records", records: [two.wire] })));
        await evil.send(all, { t: "records", records: [two.wire] });
        assert.deepEqual(await state(cluster), before, what);
        for (const node of cluster.nodes) {
          assert.deepEqual(
            [...new Set(await audited(node, evil.id))],
            [code],
            `${what}: the audit of ${node.name}`,
          );
        }
      }
    });

    await t.step(
      "records in others' names, from the future, taken back, too large; false words about others",
      async () => {
        await using evil = await joinEvil(await cluster.invite(), members);
        await settled(cluster);
        const victim = idOf.get("n1")!;
        const before = await state(cluster);
        const wish = hand.command("app.scale", { app: "hello-site", replicas: 0 });
        const header = {
          seq: Date.now() * 2_000,
          prev: 0,
          key: commandKey(wish),
          at: Date.now(),
          body: wish,
        };
        await evil.send(all, {
          t: "have",
          records: [sealRecord({ author: victim, ...header }, evil.signer).wire],
          upTo: {},
          more: false,
        });
        const future = Date.now() + limits.futureSkewMs + 60_000;
        const ahead = hand.command("app.scale", { app: "hello-site", replicas: 0 }, undefined, {
          at: future,
        });
        await evil.send(all, { t: "records", records: [evil.record(commandKey(ahead), ahead, future).wire] });
        const byLost = hand.command("app.scale", { app: "hello-site", replicas: 0 }, lost);
        assert.deepEqual(await state(cluster), before);
        // A revoked key's command is kept as a fact, and voided by all.
        await evil.send(all, { t: "records", records: [evil.record(commandKey(byLost), byLost).wire] });
        for (const node of cluster.nodes) {
          assert.ok((await audited(node, evil.id)).includes("grant_revoked"), node.name);
          assert.equal((await cluster.client(node).app("hello-site")).wanted, 3);
        }
        // What another accepted, once more under this member's name: no second effect.
        await evil.send(all, { t: "records", records: [evil.record(commandKey(replayed), replayed).wire] });
        await evil.send(all, { t: "records", records: [evil.record(commandKey(replayed), null).wire] });
        const far: [number, string] = [Number.MAX_SAFE_INTEGER, "0".repeat(16)];
        await evil.send(all, {
          t: "have",
          records: [],
          upTo: Object.fromEntries(all.map((id) => [id, far])),
          more: false,
        });
        const dead = { state: "unreachable", incarnation: Number.MAX_SAFE_INTEGER };
        await evil.send(all, { t: "records", records: [evil.record(`liveness/${victim}`, dead).wire] });
        await evil.send(all, { t: "suspect", target: victim, incarnation: Number.MAX_SAFE_INTEGER });
        await evil.send(all, {
          t: "offer",
          id: "x",
          app: "hello-site",
          revision: "0".repeat(64),
          epoch: Number.MAX_SAFE_INTEGER,
          memory_mb: 1,
        });
        await settled(cluster);
        const after = await state(cluster);
        assert.deepEqual(
          after.map(({ app, revisions, keys, names }) => ({ app, revisions, keys, names })),
          before.map(({ app, revisions, keys, names }) => ({ app, revisions, keys, names })),
        );
        // Two different records under one number, each told to another: all come to hold the same one.
        const at = Date.now(), seq = at * 2_000;
        const twin = (count: number) =>
          sealRecord(
            { author: evil.id, seq, prev: seq - 1, key: "audit", at, body: { count, head: "0".repeat(64) } },
            evil.signer,
          );
        const sides = { a: twin(1), b: twin(2) };
        await evil.send([all[0]], { t: "records", records: [sides.a.wire] });
        await evil.send(all.slice(1), { t: "records", records: [sides.b.wire] });
        await settled(cluster);
        // What the realm wishes next is heard everywhere all the same.
        for (const [i, node] of cluster.nodes.entries()) {
          const replicas = i === 1 ? 2 : 3;
          await cluster.client(node).command("app.scale", { app: "hello-site", replicas });
          await eventually(`${node.name} is heard`, async () => {
            const wanted = await Promise.all(
              cluster.nodes.map(async (n) => (await cluster.client(n).app("hello-site")).wanted),
            );
            return wanted.every((w) => w === replicas);
          });
        }
      },
    );

    await t.step("a member that goes on is cut off, and that is audited", async () => {
      await using evil = await joinEvil(await cluster.invite(), members);
      const [, command] = forbidden(hand)[2];
      for (let i = 0; i < 12; i++) {
        const message = { t: "records", records: [evil.record(commandKey(command), command).wire] };
        evil.sendRaw(all, utf8(JSON.stringify(message)));
      }
      await eventually("it is cut off", () => evil.mesh.peers().length === 0);
      for (const node of cluster.nodes) {
        const entries = await cluster.client(node).audit({ actor: evil.id });
        assert.ok(
          entries.some((e) => e.action === "misbehaviour" && /cut off/.test(e.detail ?? "")),
          node.name,
        );
      }
    });

    await t.step("a member that sends what is too large, or no message at all, is cut off", async () => {
      await using evil = await joinEvil(await cluster.invite(), members);
      for (let i = 0; i < 6; i++) {
        evil.sendRaw(
          all,
          utf8(JSON.stringify({ t: "records", records: [{ p: "x".repeat(limits.recordBytes + 1), s: "" }] })),
        );
        evil.sendRaw(all, random(1_000));
      }
      await eventually("it is cut off", () => evil.mesh.peers().length === 0);
    });

    await t.step("a stranger finds nothing but the question whether it may join", async () => {
      const before = await state(cluster);
      const stranger = await createStranger(random(32));
      try {
        const protocols = [
          ...(["probe", "sync", "offer"] as const).map(protocolOf),
          "/realm/blob/1.0.0",
          "/realm/http/1.0.0",
          "/realm/log/1.0.0",
          "/ipfs/id/1.0.0",
          "/meshsub/1.1.0",
        ];
        for (const protocol of protocols) {
          const address = multiaddr(members.get(idOf.get("n0")!)![0]);
          const heard = await (async () => {
            const connection = await stranger.dial(address, { signal: AbortSignal.timeout(5_000) });
            try {
              const stream = await connection.newStream(protocol, { signal: AbortSignal.timeout(5_000) });
              stream.send(utf8("hello"));
              return "a stream";
            } finally {
              connection.abort(new Error("done"));
            }
          })().catch(() => "nothing");
          assert.equal(heard, "nothing", protocol);
        }
      } finally {
        await stranger.stop();
      }
      assert.deepEqual((await state(cluster)).map((s) => s.records), before.map((s) => s.records));
    });
    const told = [...refusals].map(([code, n]) => `${code} ${n}`).sort().join(", ");
    console.log(`refused at the API of ${Object.keys(queries).length} routes: ${told}`);
  },
});
