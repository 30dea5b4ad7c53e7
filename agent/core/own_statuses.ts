/** What this node says of its own replicas: one record per app, made anew with each change. */
import { limits } from "../protocol/limits.ts";
import type { RecordBody, ReplicaStatus } from "../protocol/record.ts";
import type { Write } from "./control.ts";
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
  write(`replicas/${app}`, { app, list: list.slice(-limits.replicasPerNode) });
}

/** What ran here before this start does not run any more until it is reported anew. */
export function forgetStatuses(core: Core, write: Write): void {
  for (const record of [...core.store.authors.get(core.config.self)?.live.values() ?? []]) {
    if (record.kind !== "replicas" || record.body === null) continue;
    const { app, list } = record.body as RecordBody<"replicas">;
    if (list.length > 0) write(record.key, { app, list: [] });
  }
}
