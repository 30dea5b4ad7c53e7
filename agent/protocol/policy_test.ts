import assert from "node:assert/strict";
import fc from "fast-check";
import * as v from "valibot";
import {
  allowingCommand,
  defaultPolicy,
  narrowPolicy,
  nativeRefusal,
  type NativeWish,
  networkReaches,
  type Policy,
  policyOf,
  type PolicySettings,
  PolicyWishSchema,
  sandboxLevels,
} from "./policy.ts";

const paths = fc.subarray(["/opt", "/opt/tools", "/srv", "/srv/data/a"]);
const policy: fc.Arbitrary<Policy> = fc.record({
  allow_native_execution: fc.boolean(),
  sandbox_minimum: fc.constantFrom(...sandboxLevels),
  native_network: fc.constantFrom(...networkReaches),
  native_read: paths,
});
const settings = fc.record({
  allow_native_execution: fc.boolean(),
  sandbox_minimum: fc.constantFrom(...sandboxLevels),
  native_network: fc.constantFrom(...networkReaches),
  native_read: paths,
}, { requiredKeys: [] }) as fc.Arbitrary<PolicySettings>;
const wish: fc.Arbitrary<NativeWish> = fc.record({
  minimum: fc.constantFrom(...sandboxLevels),
  network: fc.oneof(fc.constantFrom(...networkReaches), fc.constant({ connect: [443] })),
  read: paths,
});

Deno.test("a node's own file never allows what commands do not, and refuses whatever it says itself", () => {
  fc.assert(fc.property(policy, settings, wish, (allowed, file, asked) => {
    const narrowed = narrowPolicy(allowed, file);
    if (nativeRefusal(allowed, asked)) assert.ok(nativeRefusal(narrowed, asked));
    if (nativeRefusal(policyOf(allowed, file), asked)) assert.ok(nativeRefusal(narrowed, asked));
    assert.ok(
      sandboxLevels.indexOf(narrowed.sandbox_minimum) >= sandboxLevels.indexOf(allowed.sandbox_minimum),
    );
  }));
});

Deno.test("what a rule refuses, the command that it names allows", () => {
  fc.assert(fc.property(policy, wish, (allowed, asked) => {
    let now = allowed;
    for (let i = 0; i < 8; i++) {
      const refusal = nativeRefusal(now, asked);
      if (!refusal) return;
      const value = refusal.rule === "allow_native_execution"
        ? refusal.allows === "true"
        : refusal.rule === "native_read"
        ? refusal.allows.split(",")
        : refusal.allows;
      assert.ok(v.is(PolicyWishSchema, { rule: refusal.rule, value }), allowingCommand(refusal, "n"));
      now = { ...now, [refusal.rule]: value };
    }
    assert.fail("it is refused for ever");
  }));
});

Deno.test("by default no program of the operating system runs, and the refusal names the rule and the command", () => {
  const refusal = nativeRefusal(defaultPolicy, { minimum: "floor", network: "none", read: [] })!;
  assert.equal(refusal.reason, "its policy allow_native_execution = false refuses it");
  assert.equal(
    allowingCommand(refusal, "builder"),
    "realm policy set allow_native_execution=true --node builder",
  );
});

Deno.test("a rule takes its own values only", () => {
  const is = (rule: string, value: unknown) => v.is(PolicyWishSchema, { rule, value });
  assert.ok(
    is("sandbox_minimum", "namespaced") && is("native_read", ["/opt/a"]) && is("native_network", null),
  );
  assert.ok(!is("sandbox_minimum", "none") && !is("allow_native_execution", "yes") && !is("no_such", true));
  for (const path of ["opt", "/", "/opt/../etc", "/opt/", "/a//b"]) {
    assert.ok(!is("native_read", [path]), path);
  }
});
