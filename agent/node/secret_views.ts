/** Views of secrets for people and programs: what they are for and who can open them. Values are nowhere in it. */
import {
  type Core,
  exposureOf,
  isEntitled,
  recipientsOf,
  type Secret,
  secretNamed,
  standingSecrets,
} from "../core/mod.ts";
import { type NodeId, type NodeRef, type ProblemFound, secretsOf, type SecretView } from "../protocol/mod.ts";
import { nameOf } from "./names.ts";

const refs = (core: Core, ids: readonly NodeId[]): NodeRef[] =>
  ids.map((node) => ({ node, name: nameOf(core, node) }))
    .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.node < b.node ? -1 : 1);

function viewOf(core: Core, secret: Secret): SecretView {
  const { name, version, command, at, by, scope, boxes } = secret;
  const able = [...boxes.keys()];
  return {
    name,
    version,
    command,
    set_at: at,
    by,
    scope,
    holders: refs(core, able.filter((id) => isEntitled(core, id, scope))),
    waiting: refs(core, recipientsOf(core, scope).filter((id) => !boxes.has(id))),
    exposed: refs(core, able).flatMap((ref) => {
      const why = exposureOf(core, secret, ref.node);
      return why ? [{ ...ref, why }] : [];
    }),
    runs: [...core.jobs.open].sort().filter((id) => secretsOf(core.jobs.runs.get(id)!.spec).includes(name)),
  };
}

/** All secrets, by name. */
export const secretViews = (core: Core): readonly SecretView[] =>
  standingSecrets(core.secrets).map((secret) => viewOf(core, secret));

/** One secret. */
export function secretView(core: Core, name: string): SecretView | undefined {
  const secret = secretNamed(core.secrets, name);
  return secret && viewOf(core, secret);
}

/** Nodes that a secret for such tags is to be sealed to. */
export const recipientViews = (core: Core, tags: readonly string[]): readonly NodeRef[] =>
  refs(core, recipientsOf(core, { jobs: [], branches: [], tags }));

/** Secrets that a node knows and is not to know: they need another value. */
export const secretProblems = (core: Core): readonly ProblemFound[] =>
  secretViews(core).flatMap(({ name, exposed }) => {
    if (exposed.length === 0) return [];
    const known = exposed.map((e) =>
      e.why === "removed" ? `the removed node ${e.name}` : `${e.name}, which it is not for any more`
    );
    return [{
      what: `secret ${name}`,
      why: `is known to ${known.slice(0, 3).join(" and ")}${known.length > 3 ? " and others" : ""}`,
      fix: `realm secret set ${name}`,
      target: { kind: "secret", id: name } as const,
    }];
  });
