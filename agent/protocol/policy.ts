/**
 * What a node may run: rules with defaults that refuse whatever is privileged. A realm's commands set them for all nodes
 * or for one; a node's own file `policy.toml` can only narrow what they allow. Pure: nodes come to the same from the same
 * commands.
 */
import * as v from "valibot";
import { ok, refuse, type Result } from "./errors.ts";
import { isNodeId, type NodeId } from "./identity.ts";
import { nativeLimits } from "./native_limits.ts";

/** A sandbox level for programs of the operating system. */
export type SandboxLevel = "floor" | "namespaced";
/** All levels, weakest first. */
export const sandboxLevels = ["floor", "namespaced"] as const satisfies readonly SandboxLevel[];

/** A network that a program may be given. `none` still lets it use its own loopback where the sandbox has one. */
export type NetworkReach = "none" | "full";
/** All reaches, narrowest first. */
export const networkReaches = ["none", "full"] as const satisfies readonly NetworkReach[];

/** All rules. */
export interface Policy {
  /** Whether jobs may run programs of the operating system. */
  readonly allow_native_execution: boolean;
  /** The weakest sandbox that such a program may run in. */
  readonly sandbox_minimum: SandboxLevel;
  /** The widest network that it may be given. */
  readonly native_network: NetworkReach;
  /** Trees of the node that it may be let read, beside those of the system. */
  readonly native_read: readonly string[];
}
/** Name of a rule. */
export type PolicyRule = keyof Policy;

const path = v.pipe(
  v.string("an absolute path"),
  v.maxLength(4_096, "a path of at most 4096 characters"),
  v.regex(/^(\/(?!\.\.?(\/|$))[^/\0]+)+$/, "an absolute path without . and .."),
);

/** What each rule takes. */
export const policySchemas: {
  readonly allow_native_execution: v.GenericSchema<boolean>;
  readonly sandbox_minimum: v.GenericSchema<SandboxLevel>;
  readonly native_network: v.GenericSchema<NetworkReach>;
  readonly native_read: v.GenericSchema<string[]>;
} = {
  allow_native_execution: v.boolean("true or false"),
  sandbox_minimum: v.picklist(sandboxLevels, `one of ${sandboxLevels.join(", ")}`),
  native_network: v.picklist(networkReaches, `one of ${networkReaches.join(", ")}`),
  native_read: v.pipe(
    v.array(path, "a list of absolute paths"),
    v.maxLength(nativeLimits.readTrees, `at most ${nativeLimits.readTrees} paths`),
  ),
};

/** Rules in the order in which they are shown, each with what it says. */
export const policyRules: Readonly<Record<PolicyRule, string>> = {
  allow_native_execution: "Jobs may run programs of the operating system, in a sandbox",
  sandbox_minimum: "Weakest sandbox that they may run in",
  native_network: "Widest network that they may be given",
  native_read: "Directories of the node that they may be let read",
};
const names = Object.keys(policyRules) as PolicyRule[];

/** What holds where nobody said anything. */
export const defaultPolicy: Policy = {
  allow_native_execution: false,
  sandbox_minimum: "floor",
  native_network: "none",
  native_read: [],
};

/** Sets one rule, for all nodes or for one; without a value what was set before holds no more. */
export interface PolicyWish {
  /** Only this node. */
  readonly node?: NodeId | undefined;
  /** Which rule. */
  readonly rule: PolicyRule;
  /** As {@link policySchemas} has it; `null`: as if it had never been set. */
  readonly value: boolean | string | readonly string[] | null;
}

/** The value of a rule from its text, as the command line takes it; an empty text takes back what was set. */
export function readPolicyValue(rule: PolicyRule, text: string): Result<PolicyWish["value"]> {
  if (text === "") return ok(null);
  const value = rule === "native_read"
    ? text.split(",")
    : rule === "allow_native_execution" && /^(true|false)$/.test(text)
    ? text === "true"
    : text;
  const parsed = v.safeParse(policySchemas[rule] as v.GenericSchema<PolicyWish["value"]>, value);
  return parsed.success ? ok(parsed.output) : refuse("usage", `${rule} takes ${parsed.issues[0].message}`);
}

/** The values that a rule can have, as texts; `undefined`: any text that {@link readPolicyValue} takes. */
export function policyChoices(rule: PolicyRule): readonly string[] | undefined {
  const schema = policySchemas[rule] as v.GenericSchema & { readonly options?: readonly string[] };
  return schema.type === "boolean" ? ["false", "true"] : schema.options;
}

/** Schema of {@link PolicyWish}. */
export const PolicyWishSchema = v.pipe(
  v.strictObject({
    node: v.optional(v.pipe(v.string(), v.check(isNodeId, "a node id (12D3KooW…)"))),
    rule: v.picklist(names, `one of ${names.join(", ")}`),
    value: v.nullable(
      v.union([v.boolean(), v.pipe(v.string(), v.maxLength(64)), v.array(v.string())]),
    ),
  }),
  v.check(
    ({ rule, value }) => value === null || v.is(policySchemas[rule], value),
    "the rule takes another value",
  ),
);

/** A node's own file. */
export const PolicyFileSchema = v.partial(v.strictObject(policySchemas));

/** Settings of a realm or of one node: only what was said. */
export type PolicySettings = Partial<Policy>;

/** What holds on a node: its own settings before the realm's, before the defaults. */
export const policyOf = (realm: PolicySettings, node: PolicySettings): Policy => ({
  ...defaultPolicy,
  ...realm,
  ...node,
});

const inner = (a: string, b: string) => a === b || a.startsWith(`${b}/`);

/** The narrower of two, rule by rule: nothing that `by` says can allow more. */
export function narrowPolicy(policy: Policy, by: PolicySettings): Policy {
  const stricter = <T extends string>(
    order: readonly T[],
    a: T,
    b: T | undefined,
    pick: "first" | "last",
  ) => {
    if (b === undefined) return a;
    const [x, y] = [order.indexOf(a), order.indexOf(b)];
    return order[pick === "last" ? Math.max(x, y) : Math.min(x, y)];
  };
  return {
    allow_native_execution: policy.allow_native_execution && by.allow_native_execution !== false,
    sandbox_minimum: stricter(sandboxLevels, policy.sandbox_minimum, by.sandbox_minimum, "last"),
    native_network: stricter(networkReaches, policy.native_network, by.native_network, "first"),
    native_read: by.native_read === undefined ? policy.native_read : [
      ...policy.native_read.filter((p) => by.native_read!.some((q) => inner(p, q))),
      ...by.native_read.filter((q) => policy.native_read.some((p) => q !== p && inner(q, p))),
    ],
  };
}

/** What a program asks of a node. */
export interface NativeWish {
  /** The weakest sandbox that it takes. */
  readonly minimum: SandboxLevel;
  /** `none`, `full`, or TCP to some ports. */
  readonly network: "none" | "full" | { readonly connect: readonly number[] };
  /** Trees of the node that it wants to read. */
  readonly read: readonly string[];
}

/** A rule that refuses a wish. */
export interface Refusal {
  /** Which. */
  readonly rule: PolicyRule;
  /** In words, for a sentence about the node. */
  readonly reason: string;
  /** The value that would allow it, as the command line takes it. */
  readonly allows: string;
}

/** The first rule that refuses a program; `undefined`: none does. */
export function nativeRefusal(policy: Policy, wish: NativeWish): Refusal | undefined {
  const say = (rule: PolicyRule, value: string, allows: string): Refusal => ({
    rule,
    reason: `its policy ${rule} = ${value} refuses it`,
    allows,
  });
  if (!policy.allow_native_execution) return say("allow_native_execution", "false", "true");
  if (wish.network !== "none" && policy.native_network === "none") {
    return say("native_network", "none", "full");
  }
  return readRefusal(policy, wish.read);
}

/** The rule that refuses to let paths of the node be read; `undefined`: all may be. */
export function readRefusal(policy: Policy, paths: readonly string[]): Refusal | undefined {
  const missing = paths.find((p) => !policy.native_read.some((allowed) => inner(p, allowed)));
  if (missing === undefined) return undefined;
  return {
    rule: "native_read",
    reason: `its policy native_read = ${policy.native_read.join(",") || "(none)"} refuses it`,
    allows: [...policy.native_read, missing].join(","),
  };
}

/** The command that would allow what a rule refuses. */
export const allowingCommand = ({ rule, allows }: Refusal, node: string): string =>
  `realm policy set ${rule}=${allows} --node ${node}`;

/** The stronger of two sandbox levels. */
export const strongerLevel = (a: SandboxLevel, b: SandboxLevel): SandboxLevel =>
  sandboxLevels[Math.max(sandboxLevels.indexOf(a), sandboxLevels.indexOf(b))];
