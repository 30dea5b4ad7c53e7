/** Services as placement and content keeping see them: apps whose program a job's spec says. */
import type { AppSpec } from "../protocol/app_spec.ts";
import type { Digest, NodeId } from "../protocol/identity.ts";
import { keptRevisions } from "./apps.ts";
import { policyFor, whyNotNative } from "./policies.ts";
import type { Core } from "./state.ts";

/** Why a node cannot run an app of this spec, for reasons that placement does not know by itself. */
export function unfitFor(core: Core, node: NodeId, { service }: AppSpec): string | undefined {
  if (!service) return undefined;
  const { platform, node_ids: only, native } = service.run;
  const info = core.infos.get(node);
  const reasons: string[] = [];
  if (platform !== "any" && info?.platform !== platform) {
    reasons.push(`is ${info?.platform ?? "of unknown platform"}, not ${platform}`);
  }
  if (only.length > 0 && !only.includes(node)) reasons.push("is not among `node_ids`");
  const refused = native && whyNotNative(
    {
      name: info?.name ?? node,
      policy: policyFor(core.policies, node),
      ...(info?.native ? { native: info.native } : {}),
    },
    native,
  );
  if (refused) reasons.push(refused.reason);
  return reasons.length > 0 ? reasons.join("; ") : undefined;
}

/** Content that an app of this spec needs beside its package. */
export function blobsOf({ service }: AppSpec): readonly Digest[] {
  if (!service) return [];
  const { program, inputs } = service.run;
  return [
    ...(program ? [program.digest] : []),
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
