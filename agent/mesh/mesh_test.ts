import assert from "node:assert/strict";
import { createTestRealm, until } from "../../tests/mesh_nodes.ts";
import { limits } from "../protocol/limits.ts";
import { utf8 } from "../protocol/encoding.ts";

Deno.test("a message dials its member, arrives on its channel and is answered over the same connection", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  await using b = await realm.start();
  a.mesh.send(b.id, utf8("ping"), "probe");
  await until(() => b.messages.length === 1);
  assert.deepEqual(b.messages[0], { from: a.id, text: "ping", channel: "probe" });
  b.mesh.send(a.id, new Uint8Array(limits.messageBytes).fill(97), "sync");
  await until(() => a.messages.length === 1);
  assert.equal(a.messages[0].channel, "sync");
  assert.deepEqual(a.events, [`connected ${b.id}`]);
  assert.deepEqual(b.events, [`connected ${a.id}`]);
  assert.equal(b.mesh.peers()[0].direction, "inbound");
  assert.ok(a.mesh.peers()[0].rttMs! > 0);
});

Deno.test("gossip reaches five nodes in a chain of neighbours", async () => {
  const realm = createTestRealm();
  const nodes = await Promise.all(Array.from({ length: 5 }, () => realm.start()));
  nodes.forEach((n, i) => n.mesh.setNeighbours(i > 0 ? [nodes[i - 1].id] : []));
  await until(() => nodes.every((n, i) => n.mesh.peers().length === (i % 4 === 0 ? 1 : 2)), "connected");
  let round = 0;
  const end = performance.now() + 8000;
  // Gossip meshes form at the next heartbeat; what is said before may be lost, as the contract says.
  while (nodes.slice(1).some((n) => n.gossip.length === 0)) {
    assert.ok(performance.now() < end, "gossip did not arrive");
    nodes[0].mesh.publish(utf8(`hello ${round++}`));
    await until(() => nodes.slice(1).every((n) => n.gossip.length > 0), "", 300).catch(() => {});
  }
  assert.equal(nodes[0].gossip.length, 0);
  await Promise.all(nodes.map((n) => n.mesh.stop()));
});

Deno.test("a removed member is cut off at once and cannot come back", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  await using b = await realm.start();
  a.mesh.setNeighbours([b.id]);
  await until(() => b.events.length === 1);
  realm.members.delete(b.id);
  a.mesh.membershipChanged();
  await until(() => a.events.at(-1) === `disconnected ${b.id}` && b.events.at(-1) === `disconnected ${a.id}`);
  const seen = a.events.length;
  await assert.rejects(b.mesh.streams.open(a.id, "/x/1"), { code: "unreachable" });
  assert.equal(a.events.length, seen);
  assert.equal(a.mesh.peers().length, 0);
});

Deno.test("a message to a member that is gone is dropped and reported", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  const b = await realm.start();
  await b.mesh.stop();
  a.mesh.send(b.id, utf8("anyone?"), "probe");
  await until(() => a.events.includes(`disconnected ${b.id}`));
  assert.equal(a.mesh.counters().dropped, 1);
});

Deno.test("a neighbour that restarts under another address is reconnected", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  const first = await realm.start({ key: 5 });
  a.mesh.setNeighbours([first.id]);
  await until(() => a.events.length === 1);
  await first.mesh.stop();
  await until(() => a.events.length === 2);
  await using second = await realm.start({ key: 5 });
  await until(() => a.events.length === 3 && second.events.length === 1);
});

Deno.test("a port in use is an error that says so", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  const taken = a.mesh.addresses()[0].replace(/\/p2p\/.*/, "");
  await assert.rejects(realm.start({ listen: [taken] }), /Cannot listen on .*free the port/);
});
