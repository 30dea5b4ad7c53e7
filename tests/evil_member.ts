/** A member that obeys nothing: it holds a member's key, is let in by an invite, and says what a test tells it to. */
import { createMesh, joinRealm, type Mesh } from "../agent/mesh/mod.ts";
import { createSigner } from "../agent/platform/mod.ts";
import {
  type Channel,
  channelOf,
  decodeMessage,
  encodeMessage,
  envelopeId,
  fromUtf8,
  inviteId,
  type Message,
  type NodeId,
  nodeIdOf,
  parseInviteToken,
  type RealmRecord,
  sealJoin,
  sealRecord,
  type Signer,
  utf8,
} from "../agent/protocol/mod.ts";
import { eventually } from "./cluster.ts";
import { noLog, realClock } from "./mesh_nodes.ts";

/** See the module's text. */
export interface EvilMember extends AsyncDisposable {
  readonly id: NodeId;
  readonly signer: Signer;
  readonly mesh: Mesh;
  /** A record in this member's name. */
  record(key: string, body: unknown, at?: number): RealmRecord;
  /** Sends a message to each target and waits until they have dealt with it. */
  send(targets: readonly NodeId[], message: Message): Promise<void>;
  /** Sends bytes as they are. */
  sendRaw(targets: readonly NodeId[], bytes: Uint8Array, channel?: Channel): void;
}

/** Joins by a token of the realm under test. */
export async function joinEvil(
  token: string,
  members: ReadonlyMap<NodeId, readonly string[]>,
): Promise<EvilMember> {
  const opened = parseInviteToken(token);
  if (!opened.ok) throw new Error(opened.message);
  const { signed, invite } = opened.value;
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const signer = createSigner(seed);
  const id = nodeIdOf(signer.publicKey);
  const request = sealJoin(
    { v: 1, realm: invite.realm, node: id, invite: inviteId(signed), at: Date.now(), name: "evil" },
    signer,
  );
  const answer = JSON.parse(fromUtf8(
    await joinRealm({
      addresses: invite.bootstrap,
      privateKey: seed,
      request: utf8(JSON.stringify({ invite: signed, request })),
    }),
  ));
  if (!answer.ok) throw new Error(answer.message);
  let seq = Date.now() * 1_000, probes = 0;
  const heard = new Map<NodeId, number>();
  const mesh: Mesh = await createMesh({
    privateKey: seed,
    realm: invite.realm,
    listen: ["/ip4/127.0.0.1/tcp/0"],
    isMember: () => true,
    addressesOf: (node) => members.get(node) ?? [],
    onMessage(from, bytes) {
      const message = decodeMessage(bytes);
      if (!message.ok) return;
      heard.set(from, (heard.get(from) ?? 0) + (message.value.t === "ack" ? 1 : 0));
      // It answers probes, so that nobody takes it for dead while it is being judged.
      if (message.value.t === "probe") {
        const { n, digest } = message.value;
        mesh.send(from, encodeMessage({ t: "ack", n, digest, incarnation: 0 }), "probe");
      }
    },
    onGossip: () => {},
    onPeer: () => {},
    clock: realClock,
    log: noLog,
  });
  mesh.setNeighbours([...members.keys()]);
  await eventually("the evil member is connected", () => mesh.peers().length >= members.size);
  const sendRaw = (targets: readonly NodeId[], bytes: Uint8Array, channel: Channel = "sync") => {
    for (const target of targets) mesh.send(target, bytes, channel);
  };
  return {
    id,
    signer,
    mesh,
    record(key, body, at = Date.now()) {
      const prev = seq++;
      return sealRecord({ author: id, seq, prev, key, at, body }, signer);
    },
    sendRaw,
    async send(targets, message) {
      // Probes on the same stream come after it: their answers tell that it was dealt with.
      const before = new Map(targets.map((t) => [t, heard.get(t) ?? 0]));
      const probe = encodeMessage({ t: "probe", n: ++probes, digest: "0".repeat(16), incarnation: 0 });
      const channel = channelOf(message);
      sendRaw(targets, encodeMessage(message), channel);
      sendRaw(targets, probe, channel);
      await eventually(
        "the message was dealt with",
        () => targets.every((t) => (heard.get(t) ?? 0) > before.get(t)!),
      );
    },
    [Symbol.asyncDispose]: () => mesh.stop(),
  };
}

/** Id of a command as records name it. */
export const commandKey = (command: { readonly envelope: Parameters<typeof envelopeId>[0] }): string =>
  `command/${envelopeId(command.envelope)}`;
