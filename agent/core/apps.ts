/** Projection of apps: what the owner wants of each, folded from commands in order of (time, id). */
import type { AppSpec } from "../protocol/app_spec.ts";
import type { Command, CommandBody } from "../protocol/command.ts";
import type { Digest, KeyId, NodeId } from "../protocol/identity.ts";
import type { Decision, HeldVolumes, ReplicaStatus } from "../protocol/record.ts";
import { limits } from "../protocol/limits.ts";
import type { Decided } from "./decisions.ts";

/** A command about an app. */
export type AppCommand = Extract<Command, { kind: `app.${string}` }>;

/** One wish to run a certain package: a deploy, or a return to an earlier one. Its id is the command's. */
export interface Revision {
  readonly id: Digest;
  /** Counted from 1 among the deploys that are kept; see {@link numberOf}. */
  readonly number: number;
  readonly kind: "deploy" | "rollback";
  readonly spec: AppSpec;
  readonly at: number;
  readonly by: KeyId;
  /** For a rollback: the deploy it returns to. */
  readonly of?: Digest;
}

/** What the owner wants of an app. */
export interface DesiredApp {
  readonly revision: Revision;
  readonly replicas: CommandBody<"app.deploy">["replicas"];
  readonly tags: readonly string[];
  readonly strategy: CommandBody<"app.deploy">["strategy"];
}

/** All that is known of one app. */
export interface AppState {
  readonly name: string;
  readonly commands: Map<Digest, AppCommand>;
  revisions: readonly Revision[];
  /** Absent before the first deploy and after a removal. */
  desired?: DesiredApp;
  /** Set when the app was removed: whether its volumes go too. */
  removed?: { readonly volumes: boolean; readonly at: number };
  /** Number of the newest deploy whose volumes were removed by wish; 0 when none were. */
  clearedAt: number;
  /** When that was wished, ms since 1970; also of an app that was deployed again since. */
  clearedTime?: number;
  /** The newest decision of each author. */
  readonly decisions: Map<NodeId, Decision>;
  /** The one of them that stands; see `decisions.ts`. */
  decision?: Decided;
  /** Newest statuses by node, then by replica id: only what a node says of its own replicas counts. */
  readonly statuses: Map<NodeId, ReadonlyMap<string, ReplicaStatus>>;
  /** State volumes by the node that says it holds them. */
  readonly held: Map<NodeId, readonly HeldVolumes[]>;
}

/** An app of which nothing is known. */
export const createApp = (name: string): AppState => ({
  name,
  commands: new Map(),
  revisions: [],
  clearedAt: 0,
  decisions: new Map(),
  statuses: new Map(),
  held: new Map(),
});

/** Folds the commands anew. Same set of commands, same result. */
export function settleApp(app: AppState): void {
  const commands = [...app.commands.values()].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  const revisions: Revision[] = [];
  let desired: DesiredApp | undefined;
  let removed: AppState["removed"];
  app.clearedAt = 0;
  app.clearedTime = undefined;
  for (const command of commands) {
    switch (command.kind) {
      case "app.deploy": {
        const { spec, replicas, tags, strategy } = command.body;
        const revision: Revision = {
          id: command.id,
          number: revisions.length + 1,
          kind: "deploy",
          spec,
          at: command.at,
          by: command.by,
        };
        revisions.push(revision);
        desired = { revision, replicas, tags, strategy };
        removed = undefined;
        break;
      }
      case "app.rollback": {
        const target = revisions.find((r) => r.id === command.body.revision);
        if (!target || !desired) break;
        const revision: Revision = {
          id: command.id,
          number: revisions.length + 1,
          kind: "rollback",
          spec: target.spec,
          at: command.at,
          by: command.by,
          of: target.of ?? target.id,
        };
        revisions.push(revision);
        desired = { ...desired, revision };
        break;
      }
      case "app.scale":
        if (desired) desired = { ...desired, replicas: command.body.replicas };
        break;
      case "app.remove":
        if (!desired) break;
        desired = undefined;
        removed = { volumes: command.body.volumes, at: command.at };
        if (command.body.volumes) [app.clearedAt, app.clearedTime] = [revisions.length, command.at];
        break;
    }
  }
  app.revisions = revisions;
  app.desired = desired;
  app.removed = removed;
}

/** Number of a deploy in the app's history: the standing decision knows how many came before those that are kept. */
export function numberOf(app: AppState, revision: Revision): number {
  const known = app.decision?.value;
  const anchor = known?.number === undefined ? undefined : revisionOf(app, known.revision);
  return revision.number + (anchor ? Math.max(0, known!.number! - anchor.number) : 0);
}

/** What the node of a replica says of it. */
export const statusOf = (
  app: AppState,
  replica: { readonly id: string; readonly node: NodeId },
): ReplicaStatus | undefined => app.statuses.get(replica.node)?.get(replica.id);

/** The revision with an id. */
export const revisionOf = (app: AppState, id: Digest): Revision | undefined =>
  app.revisions.find((r) => r.id === id);

/** Deploys that are still kept for history; older ones cannot be rolled back to. */
export const keptRevisions = (app: AppState): readonly Revision[] => app.revisions.slice(-limits.appHistory);
