/** Jobs that run when a repository changes: what is watched, which changes count, and what a run takes of one. */
import * as v from "valibot";
import { utf8 } from "./encoding.ts";
import { type Forge, forgeOf, forges } from "./forge.ts";
import { gitRefProblem, isCommit, parseGitAddress } from "./git_address.ts";
import { matchesGlobs } from "./glob.ts";
import { type Digest, digestOf } from "./identity.ts";
import { jobLimits } from "./job_limits.ts";
import type { JobRunSpec } from "./job_spec.ts";
import type { WrittenJob } from "./job_written.ts";

/** What starts the runs of a job. */
export interface Trigger {
  /** The repository, in the one form of `parseGitAddress`. */
  url: string;
  /** Patterns of branches that count, `!` excludes; empty: all. */
  branches: string[];
  /** Patterns of files: a change of others alone does not count; empty: all. */
  paths: string[];
  /** How often to look. */
  poll_ms: number;
  /** Name of the secret that gives access. */
  credential?: string | undefined;
  /** Name of the secret that a forge proves its webhooks by. */
  webhook?: string | undefined;
  /** How the forge is told how runs of its commits went: what it is, and the name of the secret with a token. */
  status?: { forge: Forge; token: string } | undefined;
  /** Whether anybody may see how the last run went. */
  badge?: true | undefined;
}

const text = (max: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(max));
const patterns = (max: number) => v.pipe(v.array(text(max)), v.maxLength(jobLimits.triggerPatterns));
const secretName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]{1,128}$/));
/** See {@link Trigger}. */
export const TriggerSchema = v.strictObject({
  url: v.pipe(text(2_048), v.check((url) => parseGitAddress(url).ok, "the address of a repository")),
  branches: patterns(256),
  paths: patterns(512),
  poll_ms: v.pipe(v.number(), v.integer(), v.minValue(10_000), v.maxValue(86_400_000)),
  credential: v.optional(secretName),
  webhook: v.optional(secretName),
  status: v.optional(v.strictObject({ forge: v.picklist(forges), token: secretName })),
  badge: v.optional(v.literal(true)),
});

/** A commit that a branch came to. */
export interface Change {
  /** Name of the branch. */
  branch: string;
  /** The commit at its end. */
  commit: string;
}
/** Whether a text can be the name of a branch. */
export const isBranch = (name: string): boolean =>
  name.length <= 200 && gitRefProblem(`refs/heads/${name}`) === undefined;
/** See {@link Change}. */
export const ChangeSchema = v.strictObject({
  branch: v.pipe(v.string(), v.check(isBranch, "a branch")),
  commit: v.pipe(v.string(), v.check(isCommit, "a commit")),
});

/** Name of what a change starts: whoever sees it, and however often, its runs have the same ids. */
export const changeIdOf = (schedule: Digest, { branch, commit }: Change): Digest =>
  digestOf(utf8(`change ${schedule} ${branch} ${commit}`));

/** Whether changes of a branch count. */
export const countsBranch = ({ branches }: Pick<Trigger, "branches">, branch: string): boolean =>
  matchesGlobs(branches, branch);

/** Whether one of these files counts. */
export const countsPaths = ({ paths }: Pick<Trigger, "paths">, changed: readonly string[]): boolean =>
  paths.length === 0 || changed.some((path) => matchesGlobs(paths, path));

/** The name of a concurrency group for a branch: `{ref}` stands for it. */
export const withRef = (group: string, ref: string): string => group.replaceAll("{ref}", ref).slice(0, 256);

/** The run of a change: it finds the repository at the commit, and knows what it is of. */
export function runOfChange(spec: JobRunSpec, { url }: Pick<Trigger, "url">, change: Change): JobRunSpec {
  const { branch, commit } = change;
  return {
    ...spec,
    env: { REALM_BRANCH: branch, REALM_COMMIT: commit, ...spec.env },
    inputs: spec.inputs.map((input) =>
      input.from === "git" && input.url === url && (input.ref === undefined || input.ref === branch)
        ? { ...input, ref: `refs/heads/${branch}`, commit }
        : input
    ),
    ...(spec.concurrency && {
      concurrency: { ...spec.concurrency, group: withRef(spec.concurrency.group, branch) },
    }),
  };
}

const DEFAULT_POLL_SECONDS = 60;

/** The repository of a job's trigger as it is written: its own, or that of the first input by git. */
export const watchedBy = (job: WrittenJob): string | undefined =>
  job.trigger?.git ?? (job.data?.inputs ?? []).find((i) => i.git !== undefined)?.git;

/** What starts a job, with defaults; `undefined` for one without a trigger, or with one that names no repository. */
export function triggerOf(job: WrittenJob): Trigger | undefined {
  const { trigger } = job;
  const address = trigger && parseGitAddress(watchedBy(job) ?? "");
  if (!trigger || !address?.ok) return undefined;
  const { url, host } = address.value;
  const forge = trigger.forge ?? forgeOf(host);
  const credential = (job.data?.inputs ?? []).find((i) => {
    const other = i.git === undefined ? undefined : parseGitAddress(i.git);
    return other?.ok && other.value.url === url && i.credential !== undefined;
  })?.credential;
  return {
    url,
    branches: [...trigger.branches ?? []],
    paths: [...trigger.paths ?? []],
    poll_ms: Math.round((trigger.poll_seconds ?? DEFAULT_POLL_SECONDS) * 1_000),
    ...(credential === undefined ? {} : { credential }),
    ...(forge === undefined || trigger.status_secret === undefined
      ? {}
      : { status: { forge, token: trigger.status_secret } }),
    ...(trigger.badge ? { badge: true } : {}),
    ...(trigger.webhook_secret === undefined ? {} : { webhook: trigger.webhook_secret }),
  };
}

/** When a schedule runs, in words. */
export function whenText(
  { timing, trigger, cron = timing?.cron, timezone = timing?.timezone }: {
    readonly timing?: { readonly cron: string; readonly timezone: string } | undefined;
    readonly cron?: string | undefined;
    readonly timezone?: string | undefined;
    readonly trigger?: Pick<Trigger, "url"> & { readonly branches: readonly string[] } | undefined;
  },
): string {
  if (!trigger) return `${cron} ${timezone}`;
  const { url, branches } = trigger;
  return `on changes of ${url}${branches.length > 0 ? `, branches ${branches.join(" ")}` : ""}`;
}

/** A change in words. */
export const changeText = ({ branch, commit }: Change): string => `${branch} at ${commit.slice(0, 10)}`;
