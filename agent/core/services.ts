/** Services as placement and content keeping see them: apps whose program a job's spec says. */
import type { AppSpec } from "../protocol/app_spec.ts";
import type { Digest, NodeId } from "../protocol/identity.ts";
import { keptRevisions } from "./apps.ts";
import { policyFor, whyNotGit, whyNotNative } from "./policies.ts";
import type { Unfit } from "./rollout.ts";
import { whyNoSecrets } from "./secrets/sealing.ts";
import type { Core } from "./state.ts";

/** Why a node cannot run an app of this spec, for reasons that placement does not know by itself. */
export function unfitFor(core: Core, node: NodeId, { service }: AppSpec): Unfit | undefined {
  if (!service) return undefined;
  const { platform, node_ids: only, native, inputs } = service.run;
  const info = core.infos.get(node);
  const reasons: string[] = [];
  if (platform !== "any" && info?.platform !== platform) {
    reasons.push(`is ${info?.platform ?? "of unknown platform"}, not ${platform}`);
  }
  if (only.length > 0 && !only.includes(node)) reasons.push("is not among `node_ids`");
  const about = {
    name: info?.name ?? node,
    policy: policyFor(core.policies, node),
    ...(info?.native ? { native: info.native } : {}),
    ...(info?.git === undefined ? {} : { git: info.git }),
  };
  const refusals = [
    native && whyNotNative(about, native),
    whyNotGit(about, inputs),
    whyNoSecrets(core, node, service.run),
  ].filter((refused) => refused !== undefined);
  reasons.push(...refusals.map((refused) => refused.reason));
  const fix = refusals.find((refused) => refused.fix !== undefined)?.fix;
  return reasons.length > 0
    ? { reason: reasons.join("; "), ...(fix === undefined ? {} : { fix }) }
    : undefined;
}

/** Content that an app of this spec needs beside its package. */
export function blobsOf({ service }: AppSpec): readonly Digest[] {
  if (!service) return [];
  const { program, stdin, inputs } = service.run;
  return [
    ...(program ? [program.digest] : []),
    ...(stdin ? [stdin.digest] : []),
    ...inputs.flatMap((input) => input.from === "blob" ? [input.digest] : []),
  ];
}

/** Content of all services that run, or to which a rollout may return. */
export function blobsOfServices(core: Core): ReadonlySet<Digest> {
  const blobs = new Set<Digest>();
  for (const app of core.apps.values()) {
    if (!app.desired && (app.decision?.value.replicas.length ?? 0) === 0) continue;
    for (const { spec } of keptRevisions(app)) for (const digest of blobsOf(spec)) blobs.add(digest);
  }
  return blobs;
}
