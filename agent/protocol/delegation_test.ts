import assert from "node:assert/strict";
import { newSeed, signerFromSeed } from "../api/signing.ts";
import { formatDelegation, parseDelegation } from "./delegation.ts";
import { sealGrant } from "./grant.ts";
import { keyIdOf } from "./identity.ts";

const owner = signerFromSeed(newSeed()), seed = newSeed();
const realm = keyIdOf(owner.publicKey);
const grant = sealGrant({
  v: 1,
  realm,
  key: keyIdOf(signerFromSeed(seed).publicKey),
  role: "admin",
  from: 0,
  until: 1,
}, owner);

Deno.test("a delegation is read as it was written", () => {
  const made = { realm, seed, grants: [grant] };
  assert.deepEqual(parseDelegation(formatDelegation(made)), { ok: true, value: made });
});

Deno.test("a damaged delegation is refused without repeating any of it", () => {
  const text = formatDelegation({ realm, seed, grants: [grant] });
  for (
    const bad of [
      "",
      "!",
      text.slice(0, -4),
      text + "A",
      "A".repeat(20_000),
      "e30",
      formatDelegation({ realm: "x", seed, grants: [] }),
    ]
  ) {
    const read = parseDelegation(bad);
    assert.ok(!read.ok && read.code === "bad_request", bad.slice(0, 20));
    assert.ok(!read.message.includes(text.slice(10, 30)));
  }
});
