/** What an upgrade would do, for those who start one: the command line and the dashboard compute it alike. */
import type { AppView } from "../protocol/app_views.ts";
import type { NodeView } from "../protocol/views.ts";
import { RealmError } from "../protocol/errors.ts";
import type { NodeId } from "../protocol/identity.ts";
import { artifactFor, mayFollow, type ReleaseManifest } from "../protocol/release.ts";

/** What becomes of one node. */
export interface PlannedNode {
  /** Its id. */
  readonly id: NodeId;
  /** Its name. */
  readonly name: string;
  /** What it runs on. */
  readonly platform: string;
  /** Version that runs now. */
  readonly from: string;
  /** `later`: it is off and gets the release when it returns. */
  readonly action: "canary" | "batch" | "later" | "skip";
  /** Why it is skipped. */
  readonly reason?: string;
}

/** A plan. */
export interface UpgradePlan {
  /** That it brings. */
  readonly version: string;
  /** Who tries it first. */
  readonly canaries: readonly NodeId[];
  /** All members, in the order in which they change. */
  readonly nodes: readonly PlannedNode[];
}

/** How canaries are chosen. */
export interface PlanOptions {
  /** So many per platform, or these nodes by name or id. */
  readonly canaries: number | readonly string[];
  /** Also where a later version runs. */
  readonly allowDowngrade: boolean;
}

const ORDER = ["canary", "batch", "later", "skip"] as const;

/**
 * Plans an upgrade. Of each platform those nodes are canaries that have the fewest replicas, the answering node last: it
 * shows the rollout. Fails with `not_found` for canaries that are no nodes, `conflict` when no node would change.
 */
export function planUpgrade(
  nodes: readonly NodeView[],
  apps: readonly AppView[],
  manifest: ReleaseManifest,
  { canaries, allowDowngrade }: PlanOptions,
): UpgradePlan {
  const members = nodes.filter((n) => n.state !== "removed" && n.info);
  const replicas = new Map<NodeId, number>();
  for (const { node } of apps.flatMap((a) => a.replicas)) replicas.set(node, (replicas.get(node) ?? 0) + 1);
  const lacks = (node: NodeView): string | undefined => {
    const artifact = artifactFor(manifest, node.info!.platform);
    if (!artifact.ok) return artifact.message;
    const may = mayFollow(manifest, node.info!.version, allowDowngrade);
    return may.ok ? undefined : may.message;
  };
  const lives = (node: NodeView) => node.state === "alive" || node.state === "suspect";
  const wanting = members.filter((n) => lacks(n) === undefined);
  if (wanting.length === 0) {
    const why = members.map((n) => `${n.name}: ${lacks(n)}`);
    throw new RealmError(
      "conflict",
      `no node would change: ${why.slice(0, 3).join("; ")}${why.length > 3 ? "; …" : ""}`,
    );
  }
  const chosen = new Set<NodeId>();
  if (typeof canaries !== "number") {
    for (const name of canaries) {
      const found = members.find((n) => n.id === name || n.name === name);
      if (!found) throw new RealmError("not_found", `there is no node ${name}; see 'realm node list'`);
      chosen.add(found.id);
    }
  }
  for (const platform of new Set(wanting.map((n) => n.info!.platform))) {
    const mine = wanting.filter((n) => n.info!.platform === platform);
    if (mine.some((n) => chosen.has(n.id))) continue;
    const ranked = mine.toSorted((a, b) =>
      Number(lives(b)) - Number(lives(a)) || Number(a.self) - Number(b.self) ||
      (replicas.get(a.id) ?? 0) - (replicas.get(b.id) ?? 0) || (a.id < b.id ? -1 : 1)
    );
    for (const n of ranked.slice(0, typeof canaries === "number" ? canaries : 1)) chosen.add(n.id);
  }
  const planned = members.map((node): PlannedNode => {
    const { id, name, info } = node, reason = lacks(node);
    const action = reason !== undefined
      ? "skip"
      : chosen.has(id)
      ? "canary"
      : lives(node)
      ? "batch"
      : "later";
    return { id, name, platform: info!.platform, from: info!.version, action, ...(reason ? { reason } : {}) };
  });
  return {
    version: manifest.version,
    canaries: [...chosen].sort(),
    nodes: planned.sort((a, b) =>
      ORDER.indexOf(a.action) - ORDER.indexOf(b.action) || (a.name < b.name ? -1 : 1)
    ),
  };
}
