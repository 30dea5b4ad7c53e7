/** A simulated machine: what it is, what its disk holds, what runs on it. */
import { type Core, createOwnReplicas, type Event, type OwnReplicas } from "../../agent/core/mod.ts";
import { createSigner, createVerifier } from "../../agent/platform/crypto.ts";
import {
  type Heads,
  type NodeId,
  nodeIdOf,
  type RealmRecord,
  type SignedInvite,
  type Signer,
  toHex,
  type Verifier,
} from "../../agent/protocol/mod.ts";
import { createOpener, type SecretOpener } from "../../agent/protocol/secret_box.ts";
import type { FakeAttempt } from "./attempts.ts";
import type { FakeReplica } from "./replicas.ts";
import type { FakeInstallation } from "./upgrades.ts";

/** One simulated machine. */
export interface SimNode {
  readonly id: NodeId;
  readonly name: string;
  readonly signer: Signer;
  /** Opens what is sealed to it. */
  readonly opener: SecretOpener;
  core: Core | undefined;
  /** What survives a crash. */
  disk: Map<string, RealmRecord>;
  /** What was ordered of it, and which replicas began. */
  own: OwnReplicas;
  /** Replicas that run, and those that still end. */
  running: Map<string, FakeReplica>;
  /** Attempts of runs that execute here. */
  attempts: Map<string, FakeAttempt>;
  /** State volumes on this disk: app/slot → writes so far. */
  volumes: Map<string, number>;
  timerAt: number;
  /** By how much its clock is fast, ms. */
  fastMs: number;
  /** The executable that it starts. */
  version: string;
  /** What its disk says of an upgrade. */
  installation: FakeInstallation;
  /** Until then its machine lets it not run; what comes meanwhile waits. */
  stalledUntil: number;
  waiting: Event[];
  readonly tags: readonly string[];
  memoryMb: number;
  /** By which it joined; kept beside the node key, so that it finds back after losing its disk. */
  invite: SignedInvite | undefined;
  /** As an agent saves them from time to time. */
  saved: { readonly inTouchAt: number; readonly heads: Heads } | undefined;
  /** Records that came by sync. */
  synced: number;
}

/** A machine that is switched off. */
export function createMachine(
  seed: Uint8Array,
  name: string,
  tags: readonly string[],
  memoryMb: number,
): SimNode {
  const signer = createSigner(seed);
  return {
    id: nodeIdOf(signer.publicKey),
    name,
    signer,
    opener: createOpener(seed),
    core: undefined,
    disk: new Map(),
    own: createOwnReplicas(),
    running: new Map(),
    attempts: new Map(),
    volumes: new Map(),
    timerAt: Infinity,
    fastMs: 0,
    version: "0.0.0",
    installation: { quarantined: [], fetching: undefined },
    stalledUntil: 0,
    waiting: [],
    tags,
    memoryMb,
    invite: undefined,
    saved: undefined,
    synced: 0,
  };
}

/** Verifications are the costliest part of a simulation and always give the same answer. */
export function cachingVerifier(): Verifier {
  const verifier = createVerifier();
  const seen = new Map<string, boolean>();
  return {
    verify(key, message, signature) {
      const name = toHex(signature) + toHex(key) + message.length;
      let good = seen.get(name);
      if (good === undefined) seen.set(name, good = verifier.verify(key, message, signature));
      return good;
    },
  };
}
