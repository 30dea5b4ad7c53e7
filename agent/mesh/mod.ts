/**
 * The arm of the core: connections, messages, gossip and streams between the members of a realm, on libp2p.
 *
 * Invariant: no byte of any protocol but `/realm/join/1.0.0` is exchanged with a peer that is not a member, and a peer
 * that ceases to be one is cut off at once. What members say, who is alive and where work goes is the core's business;
 * the mesh knows bytes, and drops, repeats or reorders messages as networks do.
 *
 * libp2p is loaded with the first mesh, not with this module.
 *
 * @module
 */
import type { JoinOptions } from "./join_client.ts";
import type { Mesh, MeshOptions } from "./options.ts";

export type { Misconduct } from "./conduct.ts";
export type { JoinHandler } from "./gate.ts";
export type { JoinOptions } from "./join_client.ts";
export type { Channel, Mesh, MeshCounters, MeshOptions, Peer } from "./options.ts";

/**
 * Starts listening and connecting. Throws `RealmError("failed")` when an address cannot be listened on (IPv6 ones may
 * fail where there is no IPv6).
 */
export async function createMesh(options: MeshOptions): Promise<Mesh> {
  const { startMesh } = await import("./mesh.ts");
  return await startMesh(options);
}

export { createRateLimit, type RateLimit } from "./rate.ts";

/**
 * Asks members, one after the other, to be admitted; gives the first answer (its content is the core's business).
 * Throws `RealmError("unreachable")` when none answered.
 */
export async function joinRealm(options: JoinOptions): Promise<Uint8Array> {
  const { askToJoin } = await import("./join_client.ts");
  return await askToJoin(options);
}
