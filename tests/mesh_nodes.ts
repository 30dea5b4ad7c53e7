/** Real meshes on loopback for tests and benchmarks: membership is a set that the test holds. */
import { createMesh, type Mesh, type MeshOptions } from "../agent/mesh/mod.ts";
import type { Clock, Log } from "../agent/ports.ts";
import { keyIdOf, type NodeId, nodeIdOf } from "../agent/protocol/identity.ts";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { Buffer } from "node:buffer";

/** The real clock. */
export const realClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
/** Keeps nothing. */
export const noLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
/** PKCS #8 wrapping of a raw Ed25519 seed (RFC 8410). The native key code: a node loads no other either. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
function publicKeyOf(seed: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
  return new Uint8Array(createPublicKey(key as never).export({ format: "der", type: "spki" })).slice(-32);
}

/** A realm's id for tests. */
export const testRealm = keyIdOf(publicKeyOf(new Uint8Array(32).fill(7)));

/** A seed and the node id that belongs to it. */
export function testKey(n?: number): { readonly seed: Uint8Array; readonly id: NodeId } {
  const seed = n === undefined ? crypto.getRandomValues(new Uint8Array(32)) : new Uint8Array(32).fill(1);
  if (n !== undefined) new DataView(seed.buffer).setUint32(0, n);
  return { seed, id: nodeIdOf(publicKeyOf(seed)) };
}

/** What a test node received. */
export interface TestNode extends AsyncDisposable {
  readonly id: NodeId;
  readonly mesh: Mesh;
  readonly messages: { readonly from: NodeId; readonly text: string; readonly channel: string }[];
  readonly gossip: string[];
  readonly events: string[];
  readonly offences: string[];
}

/** Members and their addresses, as the replicated state would hold them. */
export interface TestRealm {
  readonly members: Set<NodeId>;
  readonly addresses: Map<NodeId, readonly string[]>;
  /** Starts a member (or, with `member: false`, a node that the realm does not know). */
  start(options?: Partial<MeshOptions> & { key?: number; member?: boolean }): Promise<TestNode>;
}

/** An empty realm. */
export function createTestRealm(): TestRealm {
  const members = new Set<NodeId>();
  const addresses = new Map<NodeId, readonly string[]>();
  return {
    members,
    addresses,
    async start(options = {}) {
      const { key, member = true, ...given } = options;
      const { seed, id } = testKey(key);
      if (member) members.add(id);
      const node = { messages: [], gossip: [], events: [], offences: [] } as Pick<
        TestNode,
        "messages" | "gossip" | "events" | "offences"
      >;
      const decode = (b: Uint8Array) => new TextDecoder().decode(b.subarray(0, 100));
      const mesh = await createMesh({
        privateKey: seed,
        publicKey: publicKeyOf(seed),
        realm: testRealm,
        listen: ["/ip4/127.0.0.1/tcp/0"],
        isMember: (other) => members.has(other),
        addressesOf: (other) => addresses.get(other) ?? [],
        onMessage: (from, bytes, channel) => void node.messages.push({ from, text: decode(bytes), channel }),
        onGossip: (_from, bytes) => void node.gossip.push(decode(bytes)),
        onPeer: (other, state) => void node.events.push(`${state} ${other}`),
        onMisbehaviour: (other, what, cut) => void node.offences.push(`${what}${cut ? " cut" : ""} ${other}`),
        clock: realClock,
        log: noLog,
        ...given,
      });
      addresses.set(id, mesh.addresses());
      return { ...node, id, mesh, [Symbol.asyncDispose]: () => mesh.stop() };
    },
  };
}

/** Waits until a condition holds; throws with its text when it does not in time. */
export async function until(condition: () => boolean, what = String(condition), ms = 8_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
