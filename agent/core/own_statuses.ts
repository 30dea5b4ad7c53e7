/** What this node says of its own replicas: one record per app, made anew with each change. */
import { limits } from "../protocol/limits.ts";
import type { HeldVolumes, RecordBody, ReplicaState, ReplicaStatus } from "../protocol/record.ts";
import { revisionOf } from "./apps.ts";
import { isKept } from "./decisions.ts";
import { ordersFor, type Write } from "./control.ts";
import { recordOf } from "./record_store.ts";
import type { Core } from "./state.ts";

/** Puts one replica's status into the record of its app, or takes it out. */
export function writeStatus(
  core: Core,
  app: string,
  replica: string,
  status: ReplicaStatus | undefined,
  write: Write,
): void {
  const known = recordOf(core.store, core.config.self, `replicas/${app}`)?.body as
    | RecordBody<"replicas">
    | null
    | undefined;
  const others = (known?.list ?? []).filter((s) => s.replica !== replica);
  // The log of a failure is for the newest one; older ones make room.
  const list = [...others.map(({ log: _log, ...rest }) => rest), ...status ? [status] : []];
  const held = heldAfter(core, app, known?.held ?? [], status);
  write(`replicas/${app}`, {
    app,
    list: list.slice(-limits.replicasPerNode),
    ...(held.length > 0 ? { held } : {}),
  });
}

const opensVolumes: readonly ReplicaState[] = ["starting", "healthy", "unhealthy"];

/** Volumes that lie here: those known that no wish has removed since, and those that a replica opens now. */
function heldAfter(
  core: Core,
  name: string,
  known: readonly HeldVolumes[],
  status: ReplicaStatus | undefined,
): HeldVolumes[] {
  const app = core.apps.get(name);
  const held = app ? known.filter((h) => isKept(app, h)) : [];
  const replica = status && opensVolumes.includes(status.state)
    ? app?.decision?.value.replicas.find((r) => r.id === status.replica && r.node === core.config.self)
    : undefined;
  const revision = replica && revisionOf(app!, replica.revision);
  if (!replica || !revision || revision.spec.volumes.length === 0) return held;
  const others = held.filter((h) => h.slot !== replica.slot);
  return [...others, { slot: replica.slot, revision: revision.id }].slice(-limits.replicasPerNode);
}

/** A replica has ended: nothing is said of it any more, or, where it is wanted again, that it begins anew. */
export function writeGone(core: Core, app: string, replica: string, now: number, write: Write): void {
  const order = ordersFor(core).find((o) => o.replica === replica);
  const anew: ReplicaStatus | undefined = order && {
    app,
    replica,
    revision: order.revision.id,
    epoch: order.epoch,
    state: "accepted",
    restarts: 0,
    since: now,
  };
  writeStatus(core, app, replica, anew, write);
}

/** What ran here before this start does not run any more until it is reported anew. */
export function forgetStatuses(core: Core, write: Write): void {
  for (const record of [...core.store.authors.get(core.config.self)?.live.values() ?? []]) {
    if (record.kind !== "replicas" || record.body === null) continue;
    const body = record.body as RecordBody<"replicas">;
    if (body.list.length > 0) write(record.key, { ...body, list: [] });
  }
}
