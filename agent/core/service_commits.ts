/**
 * What the repositories of a service stand for. The first replica of a deploy finds out; the decision keeps it, and every
 * other replica of that deploy, now and whenever one is made again, takes the same commits.
 */
import type { Digest } from "../protocol/identity.ts";
import type { Decision } from "../protocol/record.ts";
import { type AppState, keptRevisions, type Revision, revisionOf, statusOf } from "./apps.ts";

type Known = NonNullable<Decision["commits"]>;

/** The deploy whose content a revision has: a rollback has that of an earlier one, its commits included. */
export const originOf = ({ id, of }: Revision): Digest => of ?? id;

/** Whether a node has to find out what one of its inputs stands for. */
export const needsCommits = ({ spec }: Revision): boolean =>
  spec.service?.run.inputs.some((i) => i.from === "git" && i.commit === undefined) ?? false;

/** What a decision knows and its replicas say; of deploys that are still kept. The first word counts. */
export function learnCommits(app: AppState, standing: Decision | undefined): Known {
  const kept = new Set(keptRevisions(app).map(originOf));
  const known = (standing?.commits ?? []).filter((c) => kept.has(c.revision));
  for (const replica of standing?.replicas ?? []) {
    const revision = revisionOf(app, replica.revision);
    const commits = statusOf(app, replica)?.commits;
    if (!revision || !commits || !kept.has(originOf(revision))) continue;
    if (known.some((c) => c.revision === originOf(revision))) continue;
    known.push({ revision: originOf(revision), by_mount: { ...commits } });
  }
  return known;
}

/** Commits of a revision by mount, once they are known. */
export const commitsOfRevision = (
  { decision }: AppState,
  revision: Revision,
): Readonly<Record<string, string>> | undefined =>
  decision?.value.commits?.find((c) => c.revision === originOf(revision))?.by_mount;
