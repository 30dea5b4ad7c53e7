import assert from "node:assert/strict";
import type { Command } from "../protocol/command.ts";
import type { NodeId } from "../protocol/identity.ts";
import { defaultPolicy, type PolicyWish } from "../protocol/policy.ts";
import { applyPolicy, forgetPolicy, type Policies, policyFor, settingsOf, whyNotNative } from "./policies.ts";

const one = "node-1" as NodeId, two = "node-2" as NodeId;
const command = (at: number, id: string, body: PolicyWish) =>
  ({ kind: "policy.set", at, id, body }) as Extract<Command, { kind: "policy.set" }>;
const commands = [
  command(1, "a", { rule: "allow_native_execution", value: true }),
  command(2, "b", { rule: "allow_native_execution", value: false, node: one }),
  command(3, "c", { rule: "sandbox_minimum", value: "namespaced" }),
  command(4, "d", { rule: "sandbox_minimum", value: null }),
  command(4, "e", { rule: "native_network", value: "full", node: two }),
];

Deno.test("policies are the same in whatever order their commands come: a node's word counts before the realm's", () => {
  const ways = [commands, [...commands].reverse(), [
    commands[3],
    commands[0],
    commands[4],
    commands[2],
    commands[1],
  ]];
  for (const way of ways) {
    const policies: Policies = new Map();
    for (const c of way) applyPolicy(policies, c);
    assert.deepEqual(settingsOf(policies, "realm"), { allow_native_execution: true });
    assert.deepEqual(policyFor(policies, one), defaultPolicy);
    assert.deepEqual(policyFor(policies, two), {
      ...defaultPolicy,
      allow_native_execution: true,
      native_network: "full",
    });
    // A superseded command may be forgotten, one that a rule rests on would be missed.
    forgetPolicy(policies, commands[2]);
    assert.equal(policyFor(policies, two).native_network, "full");
    forgetPolicy(policies, commands[4]);
    assert.equal(policyFor(policies, two).native_network, "none");
  }
});

Deno.test("whyNotNative() names the rule with its command, the node's own file, or the sandbox that is lacking", () => {
  const wish = { minimum: "floor", network: "none", read: [] } as const;
  const allowed = { ...defaultPolicy, allow_native_execution: true };
  const levels = ["floor"] as const;
  const why = (policy: typeof allowed, native: Parameters<typeof whyNotNative>[0]["native"]) =>
    whyNotNative({ name: "n", policy, ...(native ? { native } : {}) }, wish);
  assert.equal(why(defaultPolicy, { levels })?.fix, "realm policy set allow_native_execution=true --node n");
  assert.match(
    why(allowed, { levels, narrowed: { allow_native_execution: false } })!.reason,
    /by its own file policy\.toml$/,
  );
  assert.match(
    why({ ...allowed, sandbox_minimum: "namespaced" }, { levels })!.reason,
    /no sandbox of the level namespaced/,
  );
  assert.match(why(allowed, undefined)!.reason, /no sandbox of the level floor/);
  assert.equal(why(allowed, { levels }), undefined);
});
