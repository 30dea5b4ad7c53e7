/** Whether a command about secrets makes sense now. */
import type { Command } from "../../protocol/command.ts";
import { ok, refuse, type Result } from "../../protocol/errors.ts";
import { branchOf, type JobRunSpec, secretsOf } from "../../protocol/job_spec.ts";
import { secretLimits, type SecretScope, whyNotUsed } from "../../protocol/secret.ts";
import type { Core } from "../state.ts";
import { isEntitled, recipientsOf } from "./sealing.ts";
import { secretNamed, standingSecrets } from "./secrets.ts";

const nobody = ({ tags }: SecretScope) =>
  refuse(
    "conflict",
    `no member has the tags ${tags.join(", ")} by command or invite, so nobody could open the secret; ` +
      `tag a node first: 'realm node tag NODE TAGS'`,
  );

/** What the command is about, or why it is refused. */
export function secretMakesSense(
  core: Core,
  command: Extract<Command, { kind: "secret.set" | "secret.scope" | "secret.remove" }>,
): Result<string> {
  const { name } = command.body;
  const known = secretNamed(core.secrets, name);
  if (command.kind !== "secret.set") {
    if (!known) return refuse("not_found", `there is no secret ${name}; see 'realm secret list'`);
    if (command.kind === "secret.remove") return ok(name);
    const { version, scope } = command.body;
    if (version !== known.version) {
      return refuse("conflict", `the secret ${name} has another value by now; look at it and try again`);
    }
    return recipientsOf(core, scope).length === 0 ? nobody(scope) : ok(name);
  }
  const { boxes, scope, version } = command.body;
  if (known?.version === version) {
    return refuse("conflict", `the secret ${name} has a value of this version; seal it anew`);
  }
  if (!known && standingSecrets(core.secrets).length >= secretLimits.secrets) {
    return refuse("limit_reached", `the realm has ${secretLimits.secrets} secrets already; remove one first`);
  }
  const stranger = boxes.find(({ node }) => !isEntitled(core, node, scope));
  if (stranger) {
    return recipientsOf(core, scope).length === 0 ? nobody(scope) : refuse(
      "conflict",
      `the secret is sealed to ${stranger.node}, which is not to have it: it is no member or lacks a tag; ` +
        "seal it anew",
    );
  }
  if (new Set(boxes.map((b) => b.node)).size < boxes.length) {
    return refuse("bad_request", "the secret is sealed to a node twice");
  }
  return ok(name);
}

/** Why a run must not have its secrets, wherever it is executed; `undefined`: it may. */
export function secretsRefused(
  core: Core,
  runs: readonly JobRunSpec[],
): ReturnType<typeof refuse> | undefined {
  for (const run of runs) {
    for (const name of secretsOf(run)) {
      const secret = secretNamed(core.secrets, name);
      if (!secret) {
        return refuse(
          "not_found",
          `${run.job} uses the secret ${name}, which is not there; set it: 'realm secret set ${name}'`,
        );
      }
      const why = whyNotUsed(secret.scope, { job: run.job, branch: branchOf(run) });
      if (why !== undefined) {
        return refuse(
          "policy_refused",
          `the secret ${name} ${why}; change that by 'realm secret scope ${name}', or the job`,
        );
      }
    }
  }
  return undefined;
}
