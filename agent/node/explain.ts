/** Explanations: what a deploy would do, and why things are as they are. By the same functions that decide. */
import {
  type AppState,
  controllerOf,
  type Core,
  decideApp,
  factsFor,
  nodeState,
  revisionOf,
} from "../core/mod.ts";
import type { CommandBody, NodeId, PlanView, ReplicaView, WhyView } from "../protocol/mod.ts";
import { appView, nameOf, nodeViews, type Surroundings } from "./queries.ts";

/** What a deploy would do, by the same function that will decide it. */
export function planView(core: Core, deploy: CommandBody<"app.deploy">, now: number): PlanView {
  const standing = core.apps.get(deploy.app);
  const revision = {
    id: "0".repeat(64),
    number: (standing?.revisions.length ?? 0) + 1,
    kind: "deploy" as const,
    spec: deploy.spec,
    at: now,
    by: "",
  };
  const app: AppState = {
    name: deploy.app,
    commands: new Map(),
    revisions: [...standing?.revisions ?? [], revision],
    desired: { revision, replicas: deploy.replicas, tags: deploy.tags, strategy: deploy.strategy },
    clearedAt: standing?.clearedAt ?? 0,
    decisions: standing?.decisions ?? new Map(),
    ...(standing?.decision ? { decision: standing.decision } : {}),
    statuses: standing?.statuses ?? new Map(),
    held: standing?.held ?? new Map(),
  };
  // Every slot at once: a plan shows the end, the rollout takes its steps towards it.
  const whole: AppState = { ...app, desired: { ...app.desired!, strategy: "all" } };
  const verdict = decideApp(factsFor(core, whole, now));
  // What runs, which is not the last wish when that was rolled back.
  const running = standing?.decision?.value.revision;
  const before = running === undefined ? standing?.desired?.revision : revisionOf(standing!, running);
  const old = standing?.decision?.value.replicas ?? [];
  const same = before?.spec.package === deploy.spec.package;
  const kept = new Set((verdict.next ?? standing?.decision?.value)?.replicas.map((r) => r.id) ?? []);
  const replicas: PlanView["replicas"][number][] = verdict.wants.map((w) => {
    const node = w.placement.ranked[0];
    const replaces = old.some((r) => r.slot === w.slot);
    return node === undefined
      ? { slot: w.slot, action: "start", reason: "no node can take it" }
      : { slot: w.slot, node, node_name: nameOf(core, node), action: replaces ? "replace" : "start" };
  });
  for (const r of old) {
    if (!kept.has(r.id)) {
      replicas.push({ slot: r.slot, node: r.node, node_name: nameOf(core, r.node), action: "stop" });
    }
  }
  const notes: string[] = [];
  if (deploy.spec.volumes.length > 0 && deploy.replicas !== 1) {
    notes.push("each replica gets a state volume of its own; an app that needs shared data runs one replica");
  }
  if (same) notes.push("the package is the one that runs now; its replicas are replaced all the same");
  const unable = verdict.wants.find((w) => w.placement.ranked.length === 0);
  return {
    app: deploy.app,
    change: before === undefined ? "install" : same ? "same" : "upgrade",
    ...(before ? { from: { version: before.spec.version, package: before.spec.package } } : {}),
    to: { version: deploy.spec.version, package: deploy.spec.package },
    replicas: replicas.sort((a, b) => a.slot - b.slot),
    strategy: deploy.strategy,
    notes,
    rejected_nodes: (unable?.placement.verdicts ?? []).filter((v) => v.reasons.length > 0).map((v) => ({
      id: v.id,
      name: v.name,
      able: false,
      reasons: v.reasons,
      ...(v.fix === undefined ? {} : { fix: v.fix }),
    })),
  };
}

/** How it is with a replica, after its name. */
const replicaText = (core: Core, { state, node, reason }: ReplicaView): string =>
  state !== "node unreachable"
    ? `is ${state}${reason ? `: ${reason}` : ""}`
    : `is not there: its node ${nodeState(core, node) === "left" ? "was stopped" : "does not answer"}`;

/** Why an app is in its state, node by node, with the nearest fix. */
export function whyApp(core: Core, app: AppState, around: Surroundings): WhyView {
  const view = appView(core, app, around);
  const decision = app.decision?.value;
  const reasons: string[] = [];
  let nodes: WhyView["nodes"] = [];
  let fix: string | undefined;
  if (!app.desired) {
    reasons.push(app.removed ? `removed at ${new Date(app.removed.at).toISOString()}` : "nobody deployed it");
  }
  const controller = controllerOf(core, `app/${app.name}`);
  if (controller) reasons.push(`decided by ${nameOf(core, controller)} (epoch ${decision?.epoch ?? 0})`);
  for (const r of view?.replicas ?? []) {
    reasons.push(`replica ${r.id} (slot ${r.slot}) on ${r.node_name} ${replicaText(core, r)}`);
    const held = view!.volumes.filter((v) => v.slot === r.slot && v.node === r.node).map((v) => v.name);
    if (r.state !== "node unreachable" || held.length === 0) continue;
    reasons.push(
      `slot ${r.slot} waits for ${r.node_name}, which holds its volume ${
        held.join(", ")
      }: start that node again`,
    );
    fix ??= `realm why ${r.node_name}`;
  }
  if (view?.replicas.some((r) => r.state === "ended")) {
    reasons.push(
      "what ended is not started again, as [service] restart.policy says; submit the job again to start it",
    );
  }
  if (view?.rejected) {
    reasons.push(`the wished version was rolled back: ${view.rejected.reason.split("\n")[0]}`);
    fix = `realm app logs ${app.name}`;
  }
  const verdict = app.desired ? decideApp(factsFor(core, app, around.now())) : undefined;
  for (const want of verdict?.wants ?? []) {
    const able = want.placement.verdicts.filter((v) => v.reasons.length === 0);
    reasons.push(
      able.length === 0
        ? `slot ${want.slot} waits: no node can take it`
        : `slot ${want.slot} is being offered to ${able.map((v) => v.name).slice(0, 3).join(", ")}`,
    );
    if (nodes.length === 0 || able.length === 0) {
      nodes = want.placement.verdicts.map((v) => ({
        id: v.id,
        name: v.name,
        able: v.reasons.length === 0,
        reasons: v.reasons,
        ...(v.fix === undefined ? {} : { fix: v.fix }),
      }));
    }
  }
  const fewest = nodes.filter((n) => !n.able && n.fix).sort((a, b) => a.reasons.length - b.reasons.length)[0];
  if (nodes.length > 0 && nodes.every((n) => !n.able)) fix ??= fewest?.fix;
  return {
    id: app.name,
    kind: "app",
    state: view?.phase ?? "removed",
    reasons,
    nodes,
    ...(fix === undefined ? {} : { fix }),
  };
}

/** Why a node is in its state. */
export function whyNode(core: Core, id: NodeId, around: Surroundings): WhyView {
  const view = nodeViews(core, around).find((n) => n.id === id)!;
  const reasons: string[] = [];
  let fix: string | undefined;
  if (view.state === "unreachable") {
    const witnesses = [...core.verdicts.get(id)?.entries() ?? []].filter(([, v]) => v.state === "unreachable")
      .map(([w]) => nameOf(core, w));
    reasons.push(
      `did not answer ${witnesses.join(", ") || "its neighbours"}, neither directly nor through others`,
    );
    fix = `start it again there: realm up`;
  }
  if (view.state === "left") reasons.push("was stopped on purpose");
  if (view.state === "removed") reasons.push("an admin ended its membership");
  if (view.scheduling !== "open") {
    reasons.push(`is ${view.scheduling}: takes no new work`);
    fix ??= `realm node uncordon ${view.name}`;
  }
  if (view.state === "alive") {
    reasons.push(view.self ? "this is the node that answers" : "answers its neighbours' probes");
  }
  if (!view.info) reasons.push("has not said yet what it can do");
  return { id, kind: "node", state: view.state, reasons, nodes: [], ...(fix === undefined ? {} : { fix }) };
}
