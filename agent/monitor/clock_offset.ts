/**
 * How far this node's clock is from its peers'. Ordering never rests on it, but commands, grants and sessions have times:
 * a clock that is minutes off makes a node refuse what all others accept.
 */
import { monitorLimits, type NodeId } from "../protocol/mod.ts";

/** See the module's text. */
export interface ClockOffset {
  /** A member's clock is ahead of this one by so much, milliseconds. */
  note(peer: NodeId, aheadMs: number): void;
  /** Forgets members that are asked no more. */
  keep(peers: ReadonlySet<NodeId>): void;
  /**
   * How far this clock is behind (negative: ahead of) the middle one of its peers, milliseconds; `undefined` before any
   * has told. The middle one: a single wrong clock among several accuses nobody else.
   */
  behindMs(): number | undefined;
}

/** Nothing known at first. */
export function createClockOffset(): ClockOffset {
  const ahead = new Map<NodeId, number>();
  return {
    note(peer, ms) {
      ahead.set(peer, ms);
      if (ahead.size > monitorLimits.rttPeers) ahead.delete(ahead.keys().next().value!);
    },
    keep(peers) {
      for (const peer of ahead.keys()) if (!peers.has(peer)) ahead.delete(peer);
    },
    behindMs() {
      const sorted = [...ahead.values()].sort((a, b) => a - b);
      return sorted.length === 0 ? undefined : sorted[(sorted.length - 1) >> 1];
    },
  };
}

/** What is wrong with a clock, and what to do; `undefined` while it is near its peers'. */
export function clockProblem(
  behindMs: number | undefined,
): { readonly why: string; readonly fix: string } | undefined {
  if (behindMs === undefined || Math.abs(behindMs) <= monitorLimits.clockSkewMs) return undefined;
  return {
    why: `its clock is ${Math.round(Math.abs(behindMs) / 1_000)} s ${
      behindMs > 0 ? "behind" : "ahead of"
    } its peers'`,
    fix: "set the clock by NTP, for example: timedatectl set-ntp true",
  };
}
