/** Carries out what the failure detector wants. */
import { storeDigest } from "./record_store.ts";
import type { LivenessAction, LivenessFacts } from "./liveness.ts";
import { isMember } from "./members.ts";
import { neighboursOf } from "./neighbours.ts";
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
  const core = turn.core;
  const self = core.config.self;
  const alive = aliveNodes(core), before = core.liveness.among;
  core.liveness.among = alive;
  if (alive === before) return;
  const neighbours = isMember(core.members, self) ? neighboursOf(self, alive) : [];
  if (neighbours.join() === core.liveness.neighbours.join()) return;
  core.liveness.neighbours = neighbours;
  turn.effects.push({ t: "connect", neighbours });
}
