import assert from "node:assert/strict";
import { createCore, step } from "../core/mod.ts";
import { createSigner, createVerifier } from "../platform/mod.ts";
import { keyIdOf, nodeIdOf } from "../protocol/mod.ts";
import type { CoreLoop } from "./core_loop.ts";
import { rebuildProjections } from "./rebuilding.ts";

Deno.test("what was derived wrongly is named and right again afterwards", () => {
  const signer = createSigner(new Uint8Array(32).fill(1)), owner = createSigner(new Uint8Array(32).fill(2));
  const self = nodeIdOf(signer.publicKey);
  const core = createCore({ self, realm: keyIdOf(owner.publicKey), signer, verifier: createVerifier() });
  const feed: CoreLoop["feed"] = (event) => void step(core, event, Date.now());
  const loop = { feed } as CoreLoop;
  const right = rebuildProjections(core, loop);
  assert.deepEqual(right.changed, []);
  core.tags.set(self, { tags: ["made-up"], at: 1, id: "0".repeat(64) } as never);
  core.members.revokedInvites.set("1".repeat(64), 1);
  const wrong = rebuildProjections(core, loop);
  assert.deepEqual([wrong.changed, wrong.digest], [["nodes", "members"], right.digest]);
  assert.deepEqual(rebuildProjections(core, loop).changed, []);
});
