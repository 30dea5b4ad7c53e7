/** Standing connections that the core asked for, and the way back into the realm when nobody is connected. */
import type { NodeId } from "../protocol/identity.ts";
import { meshLimits } from "../protocol/limits.ts";
import type { Links } from "./links.ts";

/** Pause before attempt `n` (0-based): doubling, with jitter so that peers of a fallen node do not return in step. */
export function reconnectPause(n: number, random: () => number = Math.random): number {
  const longest = Math.min(meshLimits.reconnectMaxMs, meshLimits.reconnectMinMs * 2 ** n);
  return longest * (0.5 + random() / 2);
}

/** Keeps connections to the wanted neighbours. */
export interface Neighbours {
  /** Replaces the wanted set. */
  set(ids: readonly NodeId[]): void;
  /** Whether a peer is wanted. */
  wants(id: NodeId): boolean;
  /** To be told of each peer lost. */
  lost(id: NodeId): void;
  /** Starts what should be under way and is not; to be called every few seconds, so that no missed event matters. */
  check(): void;
  /** Ends all attempts. */
  stop(): void;
}

/** Starts with no neighbour; dials `bootstrap` addresses while nobody at all is connected. */
export function createNeighbours(links: Links, bootstrap: readonly string[]): Neighbours {
  let wanted = new Set<NodeId>();
  const timers = new Map<NodeId | "", ReturnType<typeof setTimeout>>();
  let stopped = false;

  function later(
    key: NodeId | "",
    attempt: number,
    act: (attempt: number) => Promise<boolean>,
    pause: number,
  ): void {
    if (stopped || timers.has(key)) return;
    const timer = setTimeout(async () => {
      const done = stopped || await act(attempt);
      timers.delete(key);
      if (!done) later(key, attempt + 1, act, reconnectPause(attempt));
    }, pause);
    timers.set(key, timer);
  }

  /** True when there is nothing more to do. */
  const reach = (id: NodeId) => async () => {
    if (!wanted.has(id) || links.has(id)) return true;
    try {
      await links.connect(id);
      return true;
    } catch {
      return !wanted.has(id);
    }
  };

  async function rejoin(): Promise<boolean> {
    if (links.size > 0) return true;
    await Promise.allSettled(bootstrap.map((address) => links.dial(address)));
    return links.size > 0;
  }
  const alone = (pause: number) => {
    if (bootstrap.length > 0 && links.size === 0) later("", 0, rejoin, pause);
  };
  alone(0);

  return {
    set(ids) {
      wanted = new Set(ids.slice(0, meshLimits.neighbours));
      for (const id of wanted) if (!links.has(id)) later(id, 0, reach(id), 0);
    },
    wants: (id) => wanted.has(id),
    lost(id) {
      if (wanted.has(id)) later(id, 0, reach(id), reconnectPause(0));
      alone(reconnectPause(0));
    },
    check() {
      for (const id of wanted) if (!links.has(id)) later(id, 0, reach(id), 0);
      alone(0);
    },
    stop() {
      stopped = true;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
