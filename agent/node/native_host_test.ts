import assert from "node:assert/strict";
import { applyPolicy, createCore } from "../core/mod.ts";
import { createSigner, createVerifier } from "../platform/mod.ts";
import { keyIdOf, nodeIdOf, type NodeInfo } from "../protocol/mod.ts";
import type { ProgramRuntime, SandboxReport } from "../runtimes/mod.ts";
import { NativeHost } from "./native_host.ts";

const signer = createSigner(new Uint8Array(32).fill(3)), self = nodeIdOf(signer.publicKey);

/** A runtime that finds these one after the other, the last one from then on. */
function runtimeOf(reports: readonly SandboxReport["levels"][]) {
  let looks = 0;
  const runtime: Pick<ProgramRuntime, "sandbox"> = {
    sandbox(again) {
      if (again || looks === 0) looks++;
      return Promise.resolve({ levels: reports[Math.min(looks, reports.length) - 1], limits: "none" });
    },
  };
  return { runtime: runtime as ProgramRuntime, looks: () => looks };
}

Deno.test("a sandbox whose try failed by chance is looked for again, and told when it is there", async () => {
  const killed = "the launcher was killed";
  const { runtime, looks } = runtimeOf([
    { floor: killed, namespaced: killed },
    { floor: undefined, namespaced: undefined },
  ]);
  const core = createCore({
    self,
    realm: keyIdOf(signer.publicKey),
    signer,
    verifier: createVerifier(),
  });
  const told: NodeInfo["native"][] = [], whole = Promise.withResolvers<void>();
  const dataDir = await Deno.makeTempDir();
  try {
    using native = await NativeHost.open({
      core,
      dataDir,
      runtime,
      audit: () => {},
      publish(now) {
        told.push(now);
        if (now?.levels.length === 2) whole.resolve();
      },
    });
    native.changed();
    assert.equal(looks(), 0, "nothing is tried before programs may run");
    applyPolicy(core.policies, {
      id: "a".repeat(64),
      kind: "policy.set",
      at: 1,
      by: keyIdOf(signer.publicKey),
      role: "owner",
      body: { rule: "allow_native_execution", value: true },
    });
    native.changed();
    await whole.promise;
    assert.deepEqual(told, [{ levels: [] }, { levels: ["floor", "namespaced"] }]);
    assert.deepEqual(native.told, { levels: ["floor", "namespaced"] });
    assert.equal(looks(), 2);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
