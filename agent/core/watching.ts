/** Carries out what the failure detector wants. */
import { storeDigest } from "./record_store.ts";
import type { NodeId } from "../protocol/identity.ts";
import type { LivenessAction, LivenessFacts } from "./liveness.ts";
import { isMember } from "./members.ts";
import { nearestOf, neighboursOf } from "./neighbours.ts";
import { aliveNodes, incarnationOf, livesOf } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Sends probes and questions, tells suspicions, writes verdicts. */
export function act(turn: Turn, actions: readonly LivenessAction[]): void {
  const core = turn.core;
  for (const action of actions) {
    switch (action.do) {
      case "probe":
        turn.send(action.to, {
          t: "probe",
          n: action.n,
          digest: storeDigest(core.store),
          incarnation: core.info?.incarnation ?? 0,
        });
        break;
      case "ask":
        turn.send(action.to, { t: "ask", n: action.n, target: action.target });
        break;
      case "suspect":
        turn.effects.push({
          t: "publish",
          message: { t: "suspect", target: action.target, incarnation: action.incarnation },
        });
        turn.topics.add("nodes");
        break;
      case "unreachable":
        turn.write(`liveness/${action.target}`, { state: "unreachable", incarnation: action.incarnation });
        break;
    }
  }
}

/** What the failure detector has to know. */
export function factsOf(turn: Turn): LivenessFacts {
  const core = turn.core;
  const { living, gone } = livesOf(core);
  return {
    self: core.config.self,
    now: turn.now,
    incarnationOf: (id) => incarnationOf(core, id),
    alive: living,
    unreachable: gone,
  };
}

/** Connections to whom this node watches, when that changed. */
export function reconnect(turn: Turn): void {
  const { liveness, members, config } = turn.core;
  const alive = aliveNodes(turn.core), before = liveness.among;
  if (alive === before) return;
  const added = onlyNew(before, alive), gone = onlyNew(alive, before);
  if (gone === undefined || liveness.nearest.includes(gone)) {
    liveness.nearest = nearestOf(config.self, added === undefined ? alive : [...liveness.nearest, added]);
  }
  liveness.among = alive;
  const neighbours = isMember(members, config.self) ? neighboursOf(config.self, liveness.nearest) : [];
  if (neighbours.join() === liveness.neighbours.join()) return;
  liveness.neighbours = neighbours;
  turn.effects.push({ t: "connect", neighbours });
}

/** The one by which a sorted list is longer than another, if that is all by which they differ. */
function onlyNew(before: readonly NodeId[], after: readonly NodeId[]): NodeId | undefined {
  if (after.length !== before.length + 1) return undefined;
  let at = 0;
  while (at < before.length && before[at] === after[at]) at++;
  for (let i = at; i < before.length; i++) if (before[i] !== after[i + 1]) return undefined;
  return after[at];
}
