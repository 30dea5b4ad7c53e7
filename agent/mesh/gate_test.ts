import assert from "node:assert/strict";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { gossipsub } from "@libp2p/gossipsub";
import { identify, identifyPush } from "@libp2p/identify";
import type { Connection } from "@libp2p/interface";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { createTestRealm, testKey, testRealm, until } from "../../tests/mesh_nodes.ts";
import { utf8 } from "../protocol/encoding.ts";
import { limits, meshLimits } from "../protocol/limits.ts";
import { readFrame, writeFrame } from "./frames.ts";
import { JOIN_PROTOCOL } from "./gate.ts";
import { topicOf } from "./libp2p_node.ts";
import { joinRealm } from "./mod.ts";
import { toPeerStream } from "./peer_stream.ts";
import { quietLocks } from "./quiet_locks.ts";

/** Somebody with everything that libp2p has to offer, and no manners. */
async function stranger(runOnConnectionOpen = true) {
  quietLocks();
  return await createLibp2p({
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify({ timeout: 1_000, runOnConnectionOpen }),
      push: identifyPush(),
      ping: ping({ timeout: 1_000 }),
      gossip: gossipsub({ allowPublishToZeroTopicPeers: true }),
    },
  });
}

const PROTOCOLS = [
  "/ipfs/id/1.0.0",
  "/ipfs/id/push/1.0.0",
  "/ipfs/ping/1.0.0",
  "/meshsub/1.0.0",
  "/meshsub/1.1.0",
  "/meshsub/1.2.0",
  "/floodsub/1.0.0",
  "/libp2p/circuit/relay/0.2.0/hop",
  "/libp2p/circuit/relay/0.2.0/stop",
  "/libp2p/dcutr",
  "/realm/probe/1.0.0",
  "/realm/sync/1.0.0",
  "/realm/offer/1.0.0",
  "/realm/blob/1.0.0",
  "/realm/logs/1.0.0",
  "/realm/http/1.0.0",
  "/realm/shell/1.0.0",
  "ls",
];

const answers = (text: string) => () => Promise.resolve(utf8(text));
const dial = (node: Awaited<ReturnType<typeof stranger>>, address: string): Promise<Connection> =>
  node.dial(multiaddr(address));

/** What `protocol` says to a stranger on the first stream of a fresh connection; throws when it cannot be opened. */
async function listenTo(node: Awaited<ReturnType<typeof stranger>>, address: string, protocol: string) {
  const connection = await dial(node, address);
  try {
    const options = { signal: AbortSignal.timeout(2_000), runOnLimitedConnection: true };
    const stream = toPeerStream(await connection.newStream(protocol, options), "");
    await writeFrame(stream.writable, utf8("hello?"));
    return await readFrame(stream.readable, 1000);
  } finally {
    connection.abort(new Error("next"));
  }
}

Deno.test("a stranger gets no protocol but join, and learns nothing from any of them", async () => {
  const realm = createTestRealm();
  let asked = 0;
  await using a = await realm.start({
    relay: true,
    joinsPerMinute: 1_000,
    join: () => {
      asked++;
      return Promise.resolve(utf8("answer"));
    },
  });
  await using b = await realm.start();
  a.mesh.streams.handle("/realm/blob/1.0.0", () => assert.fail("a stranger got a stream"));
  b.mesh.setNeighbours([a.id]);
  await until(() => b.events.length === 1);
  const address = a.mesh.addresses()[0];
  const quiet = await stranger(false), talkative = await stranger(true);
  try {
    const heard: unknown[] = [];
    talkative.services.gossip.subscribe(topicOf(testRealm));
    talkative.services.gossip.addEventListener("message", (event) => heard.push(event.detail));
    for (const protocol of PROTOCOLS) {
      await assert.rejects(
        listenTo(quiet, address, protocol),
        { name: "UnsupportedProtocolError" },
        protocol,
      );
      await assert.rejects(listenTo(talkative, address, protocol), protocol);
    }
    assert.equal(asked, 0);
    assert.equal(new TextDecoder().decode(await listenTo(quiet, address, JOIN_PROTOCOL)), "answer");
    await dial(talkative, address);
    b.mesh.publish(utf8("among us"));
    await until(() => a.gossip.includes("among us"));
    assert.deepEqual(heard, []);
    for (const node of [quiet, talkative]) {
      const known = await node.peerStore.get((await node.peerStore.all())[0].id);
      assert.deepEqual(known.protocols.filter((p) => p !== JOIN_PROTOCOL), []);
      assert.deepEqual(
        [...new Set(known.addresses.map((x) => x.multiaddr.toString()))],
        [address.replace(/\/p2p\/.*/, "")],
        "only the address that was dialled",
      );
      assert.equal(known.metadata.has("AgentVersion"), false);
    }
    assert.deepEqual(a.events, [`connected ${b.id}`]);
    assert.equal(a.mesh.peers().length, 1);
  } finally {
    await Promise.all([quiet.stop(), talkative.stop()]);
  }
});

Deno.test("a stranger that asks for the list of protocols sees join alone", async () => {
  const realm = createTestRealm();
  await using a = await realm.start({ join: answers("no") });
  const evil = await stranger(false);
  try {
    const connection = await dial(evil, a.mesh.addresses()[0]);
    // Negotiate by hand: multistream header, then `ls`.
    const muxer = (connection as unknown as { muxer: { createStream(): Promise<never> } }).muxer;
    const stream = toPeerStream(await muxer.createStream(), "");
    const line = (text: string) => Uint8Array.of(text.length + 1, ...utf8(`${text}\n`));
    const writer = stream.writable.getWriter();
    await writer.write(line("/multistream/1.0.0"));
    await writer.write(line("ls"));
    let text = "";
    const reader = stream.readable.getReader();
    while (!text.includes("join")) text += new TextDecoder().decode((await reader.read()).value);
    assert.deepEqual(text.match(/\/[a-z0-9/.]+/g), ["/multistream/1.0.0", JOIN_PROTOCOL]);
  } finally {
    await evil.stop();
  }
});

Deno.test("without a join handler a stranger is cut off right after the handshake", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  const evil = await stranger(false);
  try {
    const connection = await dial(evil, a.mesh.addresses()[0]).catch(() => undefined);
    if (connection) await until(() => connection.status !== "open", "cut off", 1_000);
  } finally {
    await evil.stop();
  }
});

Deno.test("a stranger that stays silent is cut off", async () => {
  const realm = createTestRealm();
  await using a = await realm.start({ join: answers("no") });
  const evil = await stranger(false);
  try {
    const connection = await dial(evil, a.mesh.addresses()[0]);
    await until(() => connection.status !== "open", "cut off", meshLimits.strangerSilenceMs + 2_000);
  } finally {
    await evil.stop();
  }
});

Deno.test("joinRealm() carries request and answer, tries the next address, and knows whom it asks", async () => {
  const realm = createTestRealm();
  const key = testKey(), seen: string[] = [];
  await using a = await realm.start({
    join: (from, request, { address }) => {
      seen.push(`${from} ${new TextDecoder().decode(request)} ${address.startsWith("/ip4/127.0.0.1/tcp/")}`);
      return Promise.resolve(new Uint8Array(300_000).fill(1));
    },
  });
  const bare = a.mesh.addresses()[0].replace(/\/p2p\/.*/, "");
  const common = { privateKey: key.seed, request: utf8("let me in") };
  const answer = await joinRealm({ ...common, addresses: ["/ip4/127.0.0.1/tcp/1", bare] });
  assert.equal(answer.length, 300_000);
  assert.deepEqual(seen, [`${key.id} let me in true`]);
  await assert.rejects(joinRealm({ ...common, addresses: [bare], expectPeer: testKey().id }), {
    code: "unreachable",
  });
  assert.equal(seen.length, 1);
  realm.members.add(key.id);
  assert.equal((await joinRealm({ ...common, addresses: [bare] })).length, 300_000, "a member may ask again");
});

Deno.test("a join request that is refused, too large or too frequent gets no answer", async () => {
  const realm = createTestRealm();
  let asked = 0;
  await using a = await realm.start({
    joinsPerMinute: 3,
    join: () => {
      asked++;
      return Promise.reject(new Error("refused"));
    },
  });
  const ask = (request: Uint8Array) =>
    joinRealm({ privateKey: testKey().seed, request, addresses: a.mesh.addresses(), timeoutMs: 4_000 });
  await assert.rejects(ask(utf8("please")), { code: "unreachable" });
  await assert.rejects(ask(new Uint8Array(meshLimits.joinRequestBytes + 1)), { code: "unreachable" });
  assert.equal(asked, 1);
  await assert.rejects(ask(utf8("please")), { code: "unreachable" });
  assert.equal(asked, 2);
  await assert.rejects(ask(utf8("please")), { code: "unreachable" });
  assert.equal(asked, 2, "the fourth attempt within the minute is not heard");
});

Deno.test("a member that does not know us yet counts as not connected", async () => {
  const realm = createTestRealm();
  await using a = await realm.start({ isMember: () => false, join: answers("no") });
  await using b = await realm.start();
  await assert.rejects(b.mesh.streams.open(a.id, "/x/1"), { code: "unreachable" });
  assert.deepEqual(b.events, []);
});

Deno.test("a member that sends oversize or garbage frames is scored down, then cut off, and reported", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  await using b = await realm.start();
  const oversize = new Uint8Array(8);
  new DataView(oversize.buffer).setUint32(0, limits.messageBytes + 1);
  for (const bytes of [oversize, new Uint8Array(4), oversize]) {
    const before = a.offences.length;
    const stream = await b.mesh.streams.open(a.id, "/realm/probe/1.0.0");
    await stream.writable.getWriter().write(bytes);
    await until(() => a.offences.length > before);
  }
  assert.deepEqual(a.offences, [
    `oversize_message ${b.id}`,
    `garbage_frame ${b.id}`,
    `oversize_message cut ${b.id}`,
  ]);
  await until(() => a.events.at(-1) === `disconnected ${b.id}`);
  await assert.rejects(b.mesh.streams.open(a.id, "/realm/probe/1.0.0"), { code: "unreachable" });
  assert.equal(a.messages.length, 0);
});
