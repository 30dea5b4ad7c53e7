/**
 * The mesh's brain: membership, authority, replication, failure detection, placement, rollouts. Pure and synchronous:
 * events in, effects out. It knows no clock, no network, no disk and no process; `node/` carries its wishes out, the
 * simulation in `tests/sim/` does so on a virtual clock.
 */
export * from "./admission.ts";
export * from "./apply.ts";
export { isKept } from "./decisions.ts";
export { knownGrants, openReplicated } from "./evidence.ts";
export * from "./apps.ts";
export * from "./authority.ts";
export { isCatchingUp } from "./catching_up.ts";
export * from "./control.ts";
export * from "./events.ts";
export * from "./gc_plan.ts";
export { findCache } from "./jobs/caches.ts";
export * from "./jobs/control.ts";
export * from "./jobs/own_attempts.ts";
export { commitsOf } from "./jobs/commits.ts";
export * from "./jobs/decide.ts";
export * from "./jobs/keeping.ts";
export * from "./jobs/commit_statuses.ts";
export type { Notice } from "./jobs/notices.ts";
export * from "./jobs/queue.ts";
export * from "./jobs/runs.ts";
export * from "./jobs/cancelling.ts";
export * from "./jobs/schedules.ts";
export * from "./jobs/ticks.ts";
export * from "./jobs/trigger_control.ts";
export * from "./jobs/triggers.ts";
export * from "./keeping.ts";
export * from "./liveness.ts";
export * from "./members.ts";
export { createRecordOpener } from "./opening.ts";
export { neighboursOf } from "./neighbours.ts";
export * from "./own_replicas.ts";
export * from "./placement.ts";
export * from "./policies.ts";
export { rebuild, type Topic } from "./projections.ts";
export * from "./record_store.ts";
export * from "./rendezvous.ts";
export * from "./retirement.ts";
export * from "./returning.ts";
export * from "./rollout.ts";
export * from "./secrets/sealing.ts";
export * from "./secrets/secrets.ts";
export { commitsOfRevision } from "./service_commits.ts";
export * from "./services.ts";
export * from "./state.ts";
export * from "./step.ts";
export * from "./upgrades/control.ts";
export * from "./upgrades/decide.ts";
export * from "./upgrades/rollouts.ts";
