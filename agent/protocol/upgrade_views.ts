/** What queries answer about upgrades of the fleet: plain JSON shapes. Times in ms since 1970. */
import type { Platform } from "./executable.ts";
import type { Digest, KeyId, NodeId } from "./identity.ts";
import type { UpgradeNodeState } from "./upgrade.ts";

/** State of an upgrade. `waiting`: nodes that are on have it, others get it when they return. */
export type UpgradePhase = "running" | "waiting" | "stopped" | "aborted" | "done" | "superseded";

/** One node in an upgrade. */
export interface UpgradeNodeView {
  /** Its id. */
  readonly id: NodeId;
  /** Its name. */
  readonly name: string;
  /** What it runs on. */
  readonly platform: string;
  /** Version that runs. */
  readonly version: string;
  /** Not known to be off. */
  readonly lives: boolean;
  /** It tries the release first. */
  readonly canary: boolean;
  /** How far it is. */
  readonly state: UpgradeNodeState;
  /** Why it is not further, where there is a reason. */
  readonly reason?: string;
  /** Bytes fetched. */
  readonly progress?: { readonly done: number; readonly total: number } | undefined;
  /** In this state since, as far as it said so. */
  readonly since?: number;
}

/** One upgrade of the fleet. */
export interface UpgradeView {
  /** Id of the command. */
  readonly id: Digest;
  /** That it brings. */
  readonly version: string;
  /** Who wished it. */
  readonly by: KeyId;
  /** Who signed the release. */
  readonly signed_by: KeyId;
  /** When it was wished. */
  readonly at: number;
  /** Where it stands. */
  readonly phase: UpgradePhase;
  /** Why it stopped, or what it waits for. */
  readonly reason?: string;
  /** Batches so far. */
  readonly batch: number;
  /** Nodes per batch. */
  readonly batch_size: number;
  /** After this the release is not installed any more. */
  readonly expires?: number;
  /** Files of the release. */
  readonly artifacts: readonly {
    readonly platform: Platform;
    readonly size: number;
    readonly sha256: Digest;
    /** Set when a node will not run it again. */
    readonly quarantined?: string;
  }[];
  /** All members, by name. Of upgrades that a later one replaced: nobody. */
  readonly nodes: readonly UpgradeNodeView[];
}
