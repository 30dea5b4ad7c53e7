/** The rules that commands set, and what holds on each node. */
import type { Command } from "../protocol/command.ts";
import type { Digest, NodeId } from "../protocol/identity.ts";
import type { RunInput } from "../protocol/job_spec.ts";
import {
  allowingCommand,
  narrowPolicy,
  nativeRefusal,
  type NativeWish,
  type Policy,
  policyOf,
  type PolicyRule,
  type PolicySettings,
  readRefusal,
  type SandboxLevel,
  strongerLevel,
} from "../protocol/policy.ts";

type PolicyCommand = Extract<Command, { kind: "policy.set" }>;

/** The last word on one rule. */
interface Setting {
  readonly at: number;
  readonly id: Digest;
  readonly rule: PolicyRule;
  readonly value: PolicyCommand["body"]["value"];
}

/** Rules by where they hold: a node, or `realm`. */
export type Policies = Map<NodeId | "realm", Map<PolicyRule, Setting>>;

/** Takes a command in; the last word counts, whatever came first. Whether it changed anything. */
export function applyPolicy(policies: Policies, { id, at, body }: PolicyCommand): boolean {
  const where = body.node ?? "realm";
  const rules = policies.get(where) ?? new Map<PolicyRule, Setting>();
  policies.set(where, rules);
  const known = rules.get(body.rule);
  if (known && (known.at > at || (known.at === at && known.id >= id))) return false;
  rules.set(body.rule, { at, id, rule: body.rule, value: body.value });
  return true;
}

/** The command that a rule rests on. */
export const policyCommand = (
  policies: Policies,
  { node, rule }: PolicyCommand["body"],
): Digest | undefined => policies.get(node ?? "realm")?.get(rule)?.id;

/** Forgets a command that matters no more. */
export function forgetPolicy(policies: Policies, { id, body }: PolicyCommand): void {
  if (policyCommand(policies, body) === id) policies.get(body.node ?? "realm")?.delete(body.rule);
}

/** What was said for the realm or for one node. */
export function settingsOf(policies: Policies, where: NodeId | "realm"): PolicySettings {
  const rules = [...policies.get(where)?.values() ?? []].filter((s) => s.value !== null);
  return Object.fromEntries(rules.map((s) => [s.rule, s.value]));
}

/** What commands allow on a node; its own file may narrow that. */
export const policyFor = (policies: Policies, node: NodeId): Policy =>
  policyOf(settingsOf(policies, "realm"), settingsOf(policies, node));

/** What a node tells of itself that matters to a program. */
export interface NativeNode {
  readonly name: string;
  /** What commands allow there. */
  readonly policy: Policy;
  /** Its sandboxes and its own file, once it told. */
  readonly native?: {
    readonly levels: readonly SandboxLevel[];
    readonly narrowed?: PolicySettings | undefined;
  };
}

/** Why a program must not, or cannot, run on a node, and the command that would change that, where there is one. */
export function whyNotNative(
  { name, policy, native }: NativeNode,
  wish: NativeWish,
): { readonly reason: string; readonly fix?: string } | undefined {
  const refused = nativeRefusal(policy, wish);
  if (refused) return { reason: refused.reason, fix: allowingCommand(refused, name) };
  const narrowed = narrowPolicy(policy, native?.narrowed ?? {});
  const own = nativeRefusal(narrowed, wish);
  if (own) return { reason: `${own.reason}, by its own file policy.toml` };
  const minimum = strongerLevel(wish.minimum, narrowed.sandbox_minimum);
  if (native?.levels.some((level) => strongerLevel(level, minimum) === level)) return undefined;
  return { reason: `has no sandbox of the level ${minimum}`, fix: `realm node diagnose ${name}` };
}

/** Why a node cannot fetch the repositories among inputs; see {@link whyNotNative}. */
export function whyNotGit(
  { name, policy, native, git }: NativeNode & { readonly git?: string | undefined },
  inputs: readonly RunInput[],
): { readonly reason: string; readonly fix?: string } | undefined {
  const wanted = inputs.flatMap((i) => i.from === "git" ? [i.url] : []);
  if (wanted.length === 0) return undefined;
  if (git === undefined) return { reason: "git is not installed there; install it and restart its agent" };
  const paths = wanted.filter((url) => url.startsWith("/"));
  const refused = readRefusal(policy, paths);
  if (refused) return { reason: refused.reason, fix: allowingCommand(refused, name) };
  const own = readRefusal(narrowPolicy(policy, native?.narrowed ?? {}), paths);
  return own && { reason: `${own.reason}, by its own file policy.toml` };
}
