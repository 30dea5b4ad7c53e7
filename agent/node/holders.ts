/** Where a package is for certain, before anybody is asked. */
import { type Core, nodeState } from "../core/mod.ts";
import type { Digest, NodeId } from "../protocol/mod.ts";

/** Who surely has a package: the node that took its upload, and those that run it. */
export function packageHolders(core: Core, digest: Digest): NodeId[] {
  const holders = new Set<NodeId>();
  for (const app of core.apps.values()) {
    for (const revision of app.revisions) {
      if (revision.spec.package !== digest) continue;
      const via = core.commands.get(revision.of ?? revision.id)?.via;
      if (via) holders.add(via);
      for (const [node, statuses] of app.statuses) {
        const runs = [...statuses.values()].some((status) =>
          status.state === "healthy" && status.revision === revision.id
        );
        if (runs) holders.add(node);
      }
    }
  }
  holders.delete(core.config.self);
  return [...holders].filter((id) => nodeState(core, id) === "alive");
}
