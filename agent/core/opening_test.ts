import assert from "node:assert/strict";
import { createSigner, createVerifier } from "../platform/crypto.ts";
import { nodeIdOf, sealRecord, type Verifier } from "../protocol/mod.ts";
import { createRecordOpener } from "./opening.ts";

const signer = createSigner(new Uint8Array(32).fill(7));
const author = nodeIdOf(signer.publicKey);
const record = (at: number) =>
  sealRecord({ author, seq: at, prev: at - 1, key: `liveness/${author}`, at, body: null }, signer).wire;

/** Counts what is checked. */
function counting(): Verifier & { checked: number } {
  const inner = createVerifier();
  return {
    checked: 0,
    verify(...of) {
      this.checked++;
      return inner.verify(...of);
    },
  };
}

Deno.test("a record that comes again is not checked again, as long as it is remembered", () => {
  const [a, b, c] = [1, 2, 3].map(record);
  const verifier = counting(), open = createRecordOpener(verifier, a.p.length + b.p.length);
  for (const wire of [a, { ...a }, b, { ...a }, b]) assert.ok(open(wire).ok);
  assert.equal(verifier.checked, 2);
  for (const wire of [c, a]) assert.ok(open(wire).ok);
  assert.equal(verifier.checked, 4);
});

Deno.test("a remembered signature makes no other text valid, and what was refused is checked each time", () => {
  const verifier = counting(), open = createRecordOpener(verifier);
  const [a, b] = [1, 2].map(record);
  assert.ok(open(a).ok);
  for (let i = 0; i < 2; i++) assert.ok(!open({ p: b.p, s: a.s }).ok);
  assert.equal(verifier.checked, 3);
  assert.ok(open(b).ok);
});
