/** Who this node is, by its key. */
import { createSigner } from "../platform/mod.ts";
import { dataFiles, type NodeId, nodeIdOf, RealmError, type Signer } from "../protocol/mod.ts";

/** The signer of a seed and the id it stands for. Throws `RealmError("usage")` when that is not `id`. */
export function ownIdentity(
  { seed, id }: { readonly seed: Uint8Array; readonly id?: NodeId },
): { readonly signer: Signer; readonly self: NodeId } {
  const signer = createSigner(seed), self = nodeIdOf(signer.publicKey);
  if (id === undefined || id === self) return { signer, self };
  throw new RealmError(
    "usage",
    `${dataFiles.nodeKey} is damaged: its key is not the one that it names; restore it from a backup`,
  );
}
