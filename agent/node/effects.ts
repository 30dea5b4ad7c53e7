/**
 * Where the effects of a real node's core go: each to the part that carries it out. Parts come while the node starts;
 * an effect that comes earlier finds nothing to act on, and what was wanted last is given to each part when it is there.
 */
import type { AttemptOrder, AuditEntry, Core, RunOrder, Topic } from "../core/mod.ts";
import type { Gateway } from "../gateway/mod.ts";
import type { Mesh } from "../mesh/mod.ts";
import type { Clock, Log } from "../ports.ts";
import { channelOf, encodeMessage, type NodeId, shortId } from "../protocol/mod.ts";
import type { AuditLog } from "./audit_log.ts";
import type { Contents } from "./contents.ts";
import type { EffectSinks } from "./core_loop.ts";
import type { Events } from "./event_stream.ts";
import type { Happenings } from "./happenings.ts";
import { packageHolders } from "./holders.ts";
import type { CommitStatuses } from "./forge/commit_statuses.ts";
import type { JobHost } from "./jobs/job_host.ts";
import type { Notifier } from "./jobs/notifier.ts";
import type { RepositoryLooks } from "./jobs/repository_looks.ts";
import type { Keeper } from "./keeper.ts";
import type { NativeHost } from "./native_host.ts";
import type { RecordTable } from "./record_table.ts";
import type { Replicas } from "./replicas.ts";
import type { Routes } from "./routes.ts";
import type { NodeSecrets } from "./secrets.ts";
import type { Upgrading } from "./upgrading.ts";
import type { VolumeRemovals } from "./volumes.ts";

/** Parts that carry out effects, as far as they have started. */
export interface Started {
  mesh?: Mesh;
  contents?: Contents;
  gateway?: Gateway;
  replicas?: Replicas;
  keeper?: Keeper;
  native?: NativeHost;
  secrets?: NodeSecrets;
  happenings?: Happenings;
  jobs?: JobHost;
  looks?: RepositoryLooks;
  statuses?: CommitStatuses;
  upgrading?: Upgrading;
}

/** What the core wanted last of parts that take all of it at once. */
export interface Wanted {
  readonly orders: readonly RunOrder[];
  readonly attempts: readonly AttemptOrder[];
  readonly neighbours: readonly NodeId[];
}

/** What effects need that is there from the beginning. */
export interface EffectParts {
  readonly core: Core;
  readonly table: RecordTable;
  readonly audit: AuditLog;
  readonly events: Events;
  readonly notifier: Notifier;
  readonly routes: Routes;
  readonly volumes: VolumeRemovals;
  readonly clock: Clock;
  readonly log: Log;
}

/** The sinks of a node's core. `accused` gets peers whose present message holds what no honest member sends. */
export function createEffects(
  parts: EffectParts,
  started: Started,
  accused: Set<NodeId>,
): { readonly sinks: EffectSinks; readonly wanted: Wanted } {
  const { core, table, audit, events, notifier, routes, volumes, clock, log } = parts;
  const wanted: { -readonly [K in keyof Wanted]: Wanted[K] } = { orders: [], attempts: [], neighbours: [] };
  const sinks: EffectSinks = {
    persist: ({ records }) => table.store(records),
    forget: ({ records }) => table.forget(records),
    send: ({ to, message }) => started.mesh?.send(to, encodeMessage(message), channelOf(message)),
    publish: ({ message }) => started.mesh?.publish(encodeMessage(message)),
    connect({ neighbours }) {
      wanted.neighbours = neighbours;
      started.mesh?.setNeighbours(neighbours);
    },
    run({ orders }) {
      wanted.orders = orders;
      started.replicas?.reconcile(orders);
      routes.changed();
    },
    prefetch: ({ packages }) =>
      packages.forEach((p) => started.contents?.prefetch(p, packageHolders(core, p))),
    attempts({ orders }) {
      wanted.attempts = orders;
      started.jobs?.reconcile(orders);
    },
    seal: (effect) => started.secrets?.seal(effect),
    upgrade: ({ order }) => started.upgrading?.reconcile(order),
    prefetchBlobs: ({ blobs }) => started.jobs?.prefetch(blobs),
    look: ({ order }) => started.looks?.begin(order),
    statuses: ({ list }) => started.statuses?.reconcile(list),
    notify: ({ notice }) => notifier.tell(notice),
    audit(entry: AuditEntry) {
      audit.append(entry, clock.now());
      const refused = entry.result === "refused";
      events.emit("audit", `${entry.action} ${entry.result}`, entry.target, refused ? "warning" : undefined);
    },
    misbehaved({ peer, why }) {
      log.warn("a member misbehaved", { peer: shortId(peer), why });
      accused.add(peer);
    },
    changed(topics: ReadonlySet<Topic>) {
      const some = (...any: readonly Topic[]) => any.some((topic) => topics.has(topic));
      if (some("members") && started.mesh) {
        started.mesh.membershipChanged();
        started.contents?.exchange.membersChanged();
      }
      if (some("nodes", "apps", "members")) routes.changed();
      if (some("apps")) volumes.changed();
      if (some("nodes")) started.native?.changed();
      for (const topic of topics) events.changed(topic);
      started.happenings?.changed();
      if (some("apps", "jobs", "pins", "members", "nodes")) started.keeper?.changed();
      if (some("jobs", "nodes")) started.jobs?.changed();
    },
  };
  return { sinks, wanted };
}
