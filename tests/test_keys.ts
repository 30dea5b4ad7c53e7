/** Keys for tests, the same each time, and who they are. */
import { keyIdOf, nodeIdOf, type Signer } from "../agent/protocol/mod.ts";
import { createSigner } from "../agent/platform/mod.ts";

/** A signer from a number, the same each time. */
export const testSigner = (n: number): Signer => createSigner(new Uint8Array(32).fill(n));
/** The fake's owner and node. */
export const owner = testSigner(1);
export const nodeKey = testSigner(2);
export const realm = keyIdOf(owner.publicKey);
export const self = nodeIdOf(nodeKey.publicKey);
