/** What nodes are called. */
import type { Core } from "../core/mod.ts";
import { type NodeId, shortId } from "../protocol/mod.ts";

/** A node's name for people. */
export const nameOf = (core: Core, id: NodeId): string =>
  core.infos.get(id)?.name ?? core.members.admitted.get(id)?.name ?? shortId(id);
