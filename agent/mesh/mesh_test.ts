import assert from "node:assert/strict";
import { createTestRealm, type TestNode, until } from "../../tests/mesh_nodes.ts";
import { neighboursOf } from "../core/mod.ts";
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

Deno.test("gossip reaches everybody in a realm of 24 that hands it on to few", async () => {
  const realm = createTestRealm();
  await using stack = new AsyncDisposableStack();
  const nodes: TestNode[] = [];
  for (let key = 1; key <= 24; key++) nodes.push(stack.use(await realm.start({ key })));
  const ids = nodes.map((n) => n.id);
  for (const node of nodes) node.mesh.setNeighbours(neighboursOf(node.id, ids));
  await until(
    () => nodes.every((n) => neighboursOf(n.id, ids).every((id) => n.events.includes(`connected ${id}`))),
    "connected",
    30_000,
  );
  const heard = (text: string) => nodes.filter((n) => n.gossip.includes(text)).length;
  // Who subscribes to what is told after the connection stands.
  for (let i = 0; heard(`try ${i - 1}`) < nodes.length - 1; i++) {
    assert.ok(i < 40, "no message reached everybody");
    nodes[0].mesh.publish(utf8(`try ${i}`));
    await until(() => heard(`try ${i}`) === nodes.length - 1, "", 300).catch(() => {});
  }
  for (const [i, node] of nodes.entries()) node.mesh.publish(utf8(`by ${i}`));
  await until(
    () => nodes.every((_, i) => heard(`by ${i}`) === nodes.length - 1),
    "every message at every node",
    30_000,
  );
});

Deno.test("a removed member is cut off at once and cannot come back", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  await using b = await realm.start();
  a.mesh.setNeighbours([b.id]);
  await until(() => a.events.length === 1 && b.events.length === 1);
  realm.members.delete(b.id);
  a.mesh.membershipChanged();
  await until(() => a.events.at(-1) === `disconnected ${b.id}` && b.events.at(-1) === `disconnected ${a.id}`);
  const seen = a.events.length;
  await assert.rejects(b.mesh.streams.open(a.id, "/x/1"), { code: "unreachable" });
  assert.equal(a.events.length, seen);
  assert.equal(a.mesh.peers().length, 0);
});

Deno.test("a message to a member that is gone is dropped and counted", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  const b = await realm.start();
  await b.mesh.stop();
  a.mesh.send(b.id, utf8("anyone?"), "probe");
  await until(() => a.mesh.counters().dropped === 1);
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

Deno.test("a node behind a relay is reached through it, without a limit on bytes", async () => {
  const realm = createTestRealm();
  await using relay = await realm.start({ relay: true });
  await using hidden = await realm.start({ listen: [`${relay.mesh.addresses()[0]}/p2p-circuit`] });
  await until(() => hidden.mesh.addresses().length > 0);
  realm.addresses.set(hidden.id, hidden.mesh.addresses());
  hidden.mesh.streams.handle("/echo/1", (s) => s.readable.pipeTo(s.writable));
  await using caller = await realm.start();
  const stream = await caller.mesh.streams.open(hidden.id, "/echo/1");
  const writer = stream.writable.getWriter();
  const writing = (async () => {
    for (let i = 0; i < 10; i++) await writer.write(new Uint8Array(100_000));
    await writer.close();
  })();
  let got = 0;
  for await (const part of stream.readable) got += part.length;
  await writing;
  assert.equal(got, 1_000_000);
  assert.match(caller.mesh.peers().find((p) => p.id === hidden.id)!.address, /p2p-circuit/);
});

Deno.test("a node that is no member gets no relayed connection to a member", async () => {
  const realm = createTestRealm();
  await using relay = await realm.start({ relay: true, join: () => Promise.resolve(utf8("no")) });
  await assert.rejects(async () => {
    const hidden = await realm.start({
      member: false,
      isMember: () => true,
      listen: [`${relay.mesh.addresses()[0]}/p2p-circuit`],
    });
    await hidden.mesh.stop();
    assert.equal(hidden.mesh.addresses().length, 0);
    throw new Error("no reservation");
  });
  assert.deepEqual(relay.events, []);
});

Deno.test("two nodes that dial each other at once end with one connection, over which gossip still passes", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  await using b = await realm.start();
  a.mesh.setNeighbours([b.id]);
  b.mesh.setNeighbours([a.id]);
  await until(() => a.mesh.peers()[0]?.connections === 1 && b.mesh.peers()[0]?.connections === 1);
  const end = performance.now() + 8_000;
  for (let i = 0; b.gossip.length === 0 || a.gossip.length === 0; i++) {
    assert.ok(performance.now() < end, "gossip did not pass");
    a.mesh.publish(utf8(`from a ${i}`));
    b.mesh.publish(utf8(`from b ${i}`));
    await until(() => b.gossip.length > 0 && a.gossip.length > 0, "", 300).catch(() => {});
  }
  assert.deepEqual([a.events, b.events], [[`connected ${b.id}`], [`connected ${a.id}`]]);
});

Deno.test("nodes meet over IPv6", async () => {
  const realm = createTestRealm();
  await using a = await realm.start({ listen: ["/ip6/::1/tcp/0"] });
  await using b = await realm.start();
  b.mesh.send(a.id, utf8("six"), "offer");
  await until(() => a.messages.length === 1);
});

Deno.test("a node that knows only a bootstrap address finds its way in, and back after a loss", async () => {
  const realm = createTestRealm();
  const first = await realm.start({ key: 77 });
  const address = first.mesh.addresses()[0].replace(/\/p2p\/.*/, "");
  await using b = await realm.start({ bootstrap: [address], addressesOf: () => [] });
  await until(() => b.events.length === 1);
  await first.mesh.stop();
  await until(() => b.events.length === 2);
  await using again = await realm.start({ key: 77, listen: [address] });
  await until(() => again.events.length === 1 && b.events.length === 3);
});

Deno.test("invalid gossip is not handed on, and who hands it out is scored down", async () => {
  const realm = createTestRealm();
  await using liar = await realm.start();
  await using judge = await realm.start({ onGossip: () => false });
  await using behind = await realm.start();
  judge.mesh.setNeighbours([liar.id, behind.id]);
  await until(() => judge.mesh.peers().length === 2);
  const end = performance.now() + 8_000;
  for (let i = 0; judge.offences.length < 3; i++) {
    assert.ok(performance.now() < end, "no offence was noted");
    liar.mesh.publish(utf8(`lie ${i}`));
    await until(() => judge.offences.length > i, "", 300).catch(() => {});
  }
  assert.equal(judge.offences[0], `invalid_gossip ${liar.id}`);
  assert.deepEqual(behind.gossip, []);
  assert.throws(() => liar.mesh.publish(new Uint8Array(limits.gossipBytes + 1)), { code: "too_large" });
});
