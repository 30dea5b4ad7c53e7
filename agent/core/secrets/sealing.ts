/**
 * Who is to have a secret, and who seals it to whom. A value is sealed by whoever sets it to nodes that are entitled
 * then; to those that come to be entitled later (a new member, a new tag, a wider scope) a node that can open it does.
 */
import type { NodeId } from "../../protocol/identity.ts";
import { branchOf, type JobRunSpec, secretsOf } from "../../protocol/job_spec.ts";
import type { RecordBody } from "../../protocol/record.ts";
import { type SecretBox, secretLimits, type SecretScope, whyNotUsed } from "../../protocol/secret.ts";
import type { Effect } from "../events.ts";
import { isMember, type Member } from "../members.ts";
import { matchesTags } from "../placement.ts";
import { recordOf } from "../record_store.ts";
import { rendezvousRank } from "../rendezvous.ts";
import { aliveNodes, type Core } from "../state.ts";
import { type Secret, secretNamed, standingSecrets } from "./secrets.ts";

/** Tags that the realm gave a node, by command or invite: what a node says of itself opens nothing. */
export const grantedTags = (core: Core, member: Member): readonly string[] =>
  core.tags.get(member.id)?.tags ?? member.tags;

/** Whether a node is to have secrets of such a scope. */
export function isEntitled(core: Core, node: NodeId, { tags }: SecretScope): boolean {
  const member = core.members.admitted.get(node);
  return member !== undefined && member.removedAt === undefined &&
    matchesTags(grantedTags(core, member), tags);
}

/** Nodes that are to have secrets of such a scope; sorted. */
export const recipientsOf = (core: Core, scope: SecretScope): readonly NodeId[] =>
  [...core.members.admitted.keys()].filter((id) => isEntitled(core, id, scope)).sort();

/** Why a node cannot give a run its secrets, and the command that would change that. */
export function whyNoSecrets(
  core: Core,
  node: NodeId,
  spec: JobRunSpec,
): { readonly reason: string; readonly fix?: string } | undefined {
  for (const name of secretsOf(spec)) {
    const why = whyNoSecret(
      core,
      node,
      name,
      (s) => whyNotUsed(s, { job: spec.job, branch: branchOf(spec) }),
    );
    if (why) return why;
  }
  return undefined;
}

/** Why a node has no use of a secret whose scope need not be `refused`; see {@link whyNoSecrets}. */
export function whyNoSecret(
  core: Core,
  node: NodeId,
  name: string,
  refused: (scope: SecretScope) => string | undefined,
): { readonly reason: string; readonly fix?: string } | undefined {
  const secret = secretNamed(core.secrets, name);
  if (!secret) return { reason: `there is no secret ${name}`, fix: `realm secret set ${name}` };
  const { scope } = secret;
  const why = refused(scope);
  if (why !== undefined) return { reason: `the secret ${name} ${why}`, fix: `realm secret scope ${name}` };
  const member = core.members.admitted.get(node);
  const tags = member ? grantedTags(core, member) : [];
  if (!matchesTags(tags, scope.tags)) {
    const lacking = scope.tags.filter((t) => !t.startsWith("!") && !tags.includes(t));
    const host = core.infos.get(node)?.name ?? node;
    return {
      reason: `the secret ${name} is for nodes with the tags ${scope.tags.join(", ")}`,
      ...(lacking.length > 0 ? { fix: `realm node tag ${host} ${[...tags, ...lacking].join(",")}` } : {}),
    };
  }
  return secret.boxes.has(node) ? undefined : { reason: `was not given the secret ${name} yet` };
}

/**
 * Who seals a secret to a node, first in line first: live nodes that can open it, those before that are to have it. The
 * same at every node, and another for each pair, so that the work is spread.
 */
function holdersInLine(core: Core, secret: Secret, node: NodeId): readonly NodeId[] {
  const able = aliveNodes(core).filter((id) => secret.boxes.has(id));
  const ranked = rendezvousRank(`secret/${secret.name}/${node}`, able);
  const entitled = ranked.filter((id) => isEntitled(core, id, secret.scope));
  return [...entitled, ...ranked.filter((id) => !entitled.includes(id))].slice(0, secretLimits.turns);
}

/** Asks the shell for the boxes that it is this node's turn to make. */
export function controlSecrets(core: Core, now: number, effects: Effect[]): void {
  const { secrets } = core;
  if (!core.info || (!secrets.dirty && now < secrets.lookAgainAt)) return;
  secrets.dirty = false;
  secrets.lookAgainAt = Infinity;
  const { self } = core.config;
  const still = new Set<string>();
  for (const secret of standingSecrets(secrets)) {
    const { name, version } = secret;
    const wanted = recipientsOf(core, secret.scope).filter((id) => !secret.boxes.has(id));
    if (wanted.length === 0 || !secret.boxes.has(self) || secrets.unopened.has(version)) continue;
    const mine: NodeId[] = [];
    for (const node of wanted) {
      const key = `${version}/${node}`;
      still.add(key);
      const turn = holdersInLine(core, secret, node).indexOf(self);
      if (turn < 0) continue;
      const since = secrets.lacking.get(key) ?? now;
      secrets.lacking.set(key, since);
      const due = since + turn * secretLimits.turnMs;
      if (now >= due) mine.push(node);
      else secrets.lookAgainAt = Math.min(secrets.lookAgainAt, due);
    }
    if (mine.length === 0) continue;
    const asked = secrets.asked.get(version) ?? 0;
    if (now < asked) {
      secrets.lookAgainAt = Math.min(secrets.lookAgainAt, asked);
      continue;
    }
    secrets.asked.set(version, now + secretLimits.sealMs);
    secrets.lookAgainAt = Math.min(secrets.lookAgainAt, now + secretLimits.sealMs);
    effects.push({ t: "seal", name, version, nodes: mine.slice(0, secretLimits.boxesAtOnce) });
  }
  for (const key of secrets.lacking.keys()) if (!still.has(key)) secrets.lacking.delete(key);
}

/** The shell made boxes, or none because this node cannot open the secret. */
export function writeBoxes(
  core: Core,
  { name, version, boxes }: { name: string; version: string; boxes: readonly SecretBox[] },
  write: (key: string, body: unknown) => void,
): void {
  const { secrets } = core;
  secrets.asked.delete(version);
  secrets.dirty = true;
  const secret = secretNamed(core.secrets, name);
  if (secret?.version !== version) return;
  if (boxes.length === 0) {
    secrets.unopened.add(version);
    return;
  }
  const key = `secret/${name}`;
  const known = recordOf(core.store, core.config.self, key)?.body as RecordBody<"secret"> | null | undefined;
  // Boxes of nodes that were removed stay: they tell who knows the value.
  const before = known?.version === version ? known.boxes : [];
  const fresh = boxes.filter(({ node }) => !secret.boxes.has(node));
  if (fresh.length === 0 || before.length + fresh.length > secretLimits.recordBoxes) return;
  write(key, { name, version, boxes: [...before, ...fresh] });
}

/** Whether a node that can open a secret is not to: removed, or out of its scope. */
export function exposureOf(core: Core, secret: Secret, node: NodeId): "removed" | "scope" | undefined {
  if (isEntitled(core, node, secret.scope)) return undefined;
  return isMember(core.members, node) ? "scope" : "removed";
}
