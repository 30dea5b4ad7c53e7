/** Joining a realm as a stranger: one address, one stream, one question, one answer. Loaded on demand. */
import { multiaddr } from "@multiformats/multiaddr";
import { RealmError } from "../protocol/errors.ts";
import type { NodeId } from "../protocol/identity.ts";
import { limits, meshLimits } from "../protocol/limits.ts";
import { readFrame, writeFrame } from "./frames.ts";
import { JOIN_PROTOCOL } from "./gate.ts";
import { createStranger } from "./libp2p_node.ts";
import { toPeerStream } from "./peer_stream.ts";

/** What joining needs. */
export interface JoinOptions {
  /** Multiaddrs of members, tried one after the other. */
  readonly addresses: readonly string[];
  /** 32-byte seed of the node key under which to join. */
  readonly privateKey: Uint8Array;
  /** What to ask; the protocol between the cores. */
  readonly request: Uint8Array;
  /** Talk to this member alone. */
  readonly expectPeer?: NodeId;
  /** For all addresses together; default `limits.joinTimeoutMs`. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** See `joinRealm` in mod.ts. */
export async function askToJoin(options: JoinOptions): Promise<Uint8Array> {
  const signals = [AbortSignal.timeout(options.timeoutMs ?? limits.joinTimeoutMs)];
  if (options.signal) signals.push(options.signal);
  const signal = AbortSignal.any(signals);
  const node = await createStranger(options.privateKey);
  const refused: string[] = [];
  try {
    for (const address of options.addresses) {
      options.signal?.throwIfAborted();
      try {
        return await askOne(node, address, options, signal);
      } catch (error) {
        refused.push(`${address} (${error instanceof Error ? error.message : error})`);
      }
      if (signal.aborted) break;
    }
  } finally {
    await node.stop();
  }
  options.signal?.throwIfAborted();
  throw new RealmError(
    "unreachable",
    `No member could be asked to join: ${refused.join("; ") || "no address was given"}; ` +
      "check that one of them runs and can be reached from here.",
  );
}

async function askOne(
  node: Awaited<ReturnType<typeof createStranger>>,
  address: string,
  { addresses, request, expectPeer, timeoutMs }: JoinOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  let target = multiaddr(address);
  if (expectPeer && target.getComponents().at(-1)?.name !== "p2p") {
    target = target.encapsulate(`/p2p/${expectPeer}`);
  }
  // A dead address leaves time for the next; where there is only one, a slow member may take all of it.
  const share = (timeoutMs ?? limits.joinTimeoutMs) / addresses.length;
  const dialSignal = AbortSignal.any([
    signal,
    AbortSignal.timeout(Math.max(meshLimits.addressTimeoutMs, share)),
  ]);
  const connection = await node.dial(target, { signal: dialSignal });
  const peer = connection.remotePeer.toString();
  try {
    if (expectPeer && peer !== expectPeer) throw new Error(`${peer} answers there, not ${expectPeer}`);
    const stream = toPeerStream(await connection.newStream(JOIN_PROTOCOL, { signal }), peer);
    const onAbort = () => stream.reset();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await writeFrame(stream.writable, request);
      const answer = await readFrame(stream.readable, limits.messageBytes);
      if (!answer) throw new Error("it gave no answer");
      return answer;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  } finally {
    connection.abort(new Error("done"));
  }
}
