/** What happened, in sentences: the difference between what the core knew at the last look and what it knows now. */
import { type AppState, type Core, nodeState, revisionOf, schedulingOf } from "../core/mod.ts";
import type { EventView, NodeId } from "../protocol/mod.ts";
import type { Events } from "./event_stream.ts";
import { nameOf } from "./queries.ts";
import { lookAtUpgrades, type SeenUpgrades, upgradeHappenings } from "./upgrade_happenings.ts";

/** An event before it has a number and a time. */
export type Happening = Pick<EventView, "topic" | "what" | "target" | "severity">;

interface SeenApp {
  readonly phase: string;
  readonly revision: string;
  /** Whether this revision stood already: what rolls then makes up for lost replicas. */
  readonly stood: boolean;
  /** State by replica. */
  readonly replicas: ReadonlyMap<string, string>;
}
/** What was seen at a look. */
export interface Seen {
  readonly nodes: ReadonlyMap<NodeId, { readonly state: string; readonly scheduling: string }>;
  readonly apps: ReadonlyMap<string, SeenApp>;
  readonly upgrades: SeenUpgrades;
}

/** Looks. */
export function look(core: Core): Seen {
  const nodes = new Map([...core.members.admitted.keys()].map((id) => [id, {
    state: nodeState(core, id),
    scheduling: schedulingOf(core, id),
  }]));
  const apps = new Map<string, SeenApp>();
  for (const app of core.apps.values()) {
    const decision = app.decision?.value;
    if (!decision) continue;
    const replicas = new Map<string, string>();
    for (const statuses of app.statuses.values()) {
      for (const s of statuses.values()) replicas.set(s.replica, s.state);
    }
    for (const { id, ended } of decision.replicas) if (ended) replicas.set(id, "ended");
    const { phase, revision } = decision;
    apps.set(app.name, { phase, revision, stood: decision.good === revision, replicas });
  }
  return { nodes, apps, upgrades: lookAtUpgrades(core) };
}

const NODE: Readonly<Record<string, readonly [string, EventView["severity"]]>> = {
  suspect: ["does not answer its neighbour; others are asked", "warning"],
  unreachable: ["is unreachable", "error"],
  left: ["was stopped on purpose", undefined],
  removed: ["is no member any more", "warning"],
  alive: ["is alive again", undefined],
};

function nodeHappenings(core: Core, before: Seen, now: Seen): Happening[] {
  const found: Happening[] = [];
  for (const [id, node] of now.nodes) {
    const old = before.nodes.get(id), name = nameOf(core, id);
    const say = (what: string, severity?: EventView["severity"]) =>
      found.push({ topic: "node", what: `${name} ${what}`, target: id, ...(severity ? { severity } : {}) });
    if (!old) {
      if (node.state !== "removed") say("joined the realm");
      continue;
    }
    if (old.state !== node.state) say(...NODE[node.state] ?? [`is ${node.state}`, undefined]);
    if (old.scheduling !== node.scheduling && node.state !== "removed") {
      say(
        node.scheduling === "open"
          ? "takes new work again"
          : node.scheduling === "cordoned"
          ? "takes no new work: cordoned"
          : "is being drained",
      );
    }
  }
  return found;
}

function phaseText(
  app: AppState,
  before: SeenApp | undefined,
  now: SeenApp,
): readonly [string, EventView["severity"]] {
  const version = revisionOf(app, now.revision)?.spec.version ?? "";
  // The same version again: no new one comes, replicas that were lost are made up for.
  const mending = before?.revision === now.revision && before.stood;
  switch (now.phase) {
    case "rolling":
      if (mending) return [`is short of replicas; others take their place`, "warning"];
      return [`version ${version} is being rolled out`, undefined];
    case "steady":
      return [`version ${version} runs as wished${mending ? " again" : ""}`, undefined];
    case "rolled_back": {
      const reason = app.decision?.value.rejected.at(-1)?.reason.split("\n")[0] ?? "its rollout failed";
      return [`rolled back to version ${version}: ${reason}`, "error"];
    }
    case "failed":
      return [
        `version ${version} failed: ${
          app.decision?.value.rejected.at(-1)?.reason.split("\n")[0] ?? "no reason given"
        }`,
        "error",
      ];
    default:
      return [`is ${now.phase}`, undefined];
  }
}

function replicaHappenings(
  core: Core,
  app: AppState,
  before: SeenApp | undefined,
  now: SeenApp,
): Happening[] {
  const found: Happening[] = [];
  for (const { id, node, ended } of app.decision?.value.replicas ?? []) {
    if (!ended || before?.replicas.get(id) === "ended") continue;
    found.push({
      topic: "app",
      what: `${app.name} on ${nameOf(core, node)} has ended${
        ended.reason === undefined ? "" : `: ${ended.reason.split("\n")[0]}`
      }`,
      target: app.name,
      ...(ended.reason === undefined ? {} : { severity: "warning" }),
    });
  }
  for (const [node, statuses] of app.statuses) {
    for (const s of statuses.values()) {
      const old = before?.replicas.get(s.replica), state = now.replicas.get(s.replica);
      if (old === state) continue;
      const bad = state === "failed" || state === "unhealthy";
      const again = state === "healthy" && old === "unhealthy";
      if (!bad && !again) continue;
      found.push({
        topic: "app",
        what: `${app.name} on ${nameOf(core, node)} is ${state}${
          again ? " again" : s.reason ? `: ${s.reason.split("\n")[0]}` : ""
        }`,
        target: app.name,
        ...(bad ? { severity: state === "failed" ? "error" : "warning" } : {}),
      });
    }
  }
  return found;
}

/** What happened between two looks, nodes first. */
export function happenings(core: Core, before: Seen, now: Seen): Happening[] {
  const found = nodeHappenings(core, before, now);
  for (const [name, seen] of now.apps) {
    const app = core.apps.get(name)!, old = before.apps.get(name);
    found.push(...replicaHappenings(core, app, old, seen));
    if (old?.phase === seen.phase && old.revision === seen.revision) continue;
    const [what, severity] = phaseText(app, old, seen);
    found.push({ topic: "app", what: `${name}: ${what}`, target: name, ...(severity ? { severity } : {}) });
  }
  found.push(...upgradeHappenings(core, before.upgrades, now.upgrades));
  return found;
}

/** Changes come in bursts: one look serves them all. */
const SETTLE_MS = 100;

/** Turns changes into events. */
export interface Happenings extends Disposable {
  /** Something changed: a look follows soon. */
  changed(): void;
}

/** Looks at the core after each burst of changes and tells what happened. What stands at the start is no event. */
export function watchHappenings(core: Core, events: Events): Happenings {
  let seen = look(core), timer: ReturnType<typeof setTimeout> | undefined;
  const tell = () => {
    timer = undefined;
    const now = look(core);
    for (const { topic, what, target, severity } of happenings(core, seen, now)) {
      events.emit(topic, what, target, severity);
    }
    seen = now;
  };
  return {
    changed: () => void (timer ??= setTimeout(tell, SETTLE_MS)),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
