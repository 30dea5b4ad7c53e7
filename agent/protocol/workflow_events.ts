/** From the events that start a workflow to what starts a job: changes of its repository, or times. */

/** A table of a workflow. */
type Table = Record<string, unknown>;

/** What starts the jobs of a workflow by themselves. */
export interface ImportedStart {
  /** Of [schedule]. */
  readonly cron?: string;
  /** [trigger]. */
  readonly trigger?: Table;
}

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const textsOf = (value: unknown): string[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value.map(String) : [String(value)];

/** Patterns of `key`, and those of `key-ignore` as excluded; what has no pattern here is named. */
function patterns(push: Table, key: string, note: (what: string) => void): string[] {
  const all = [...textsOf(push[key]), ...textsOf(push[`${key}-ignore`]).map((p) => `!${p}`)];
  return all.filter((pattern) => {
    if (!/[[\]+()\\]/.test(pattern)) return true;
    note(`on.push.${key}: the pattern ${pattern}`);
    return false;
  });
}

function triggerOf(push: unknown, repository: string, note: (what: string) => void): Table | undefined {
  const given = isTable(push) ? push : {};
  const keys = Object.keys(given);
  const known = ["branches", "branches-ignore", "paths", "paths-ignore"];
  for (const key of keys) if (!known.includes(key)) note(`on.push.${key}: changes of branches start jobs`);
  if (keys.length > 0 && !keys.some((key) => known.includes(key))) return undefined;
  const branches = patterns(given, "branches", note), paths = patterns(given, "paths", note);
  return {
    git: repository,
    ...(branches.length > 0 ? { branches } : {}),
    ...(paths.length > 0 ? { paths } : {}),
  };
}

/** What starts the workflow by itself, if anything does; a job has one such thing. */
export function startOf(on: unknown, repository: string, note: (what: string) => void): ImportedStart {
  const events: Table = isTable(on) ? on : Object.fromEntries(textsOf(on).map((event) => [event, null]));
  let cron: string | undefined, trigger: Table | undefined;
  for (const [event, value] of Object.entries(events)) {
    if (event === "workflow_dispatch") continue;
    if (event === "push") trigger = triggerOf(value, repository, note);
    else if (event === "schedule" && Array.isArray(value)) {
      cron = String((value[0] as Table | undefined)?.cron ?? "") || undefined;
      if (value.length > 1) note("on.schedule: only the first time; a job has one");
    } else note(`on.${event}`);
  }
  if (trigger === undefined) return cron === undefined ? {} : { cron };
  if (cron !== undefined) note("on.schedule: a job runs on changes or at times; make another one of it");
  return { trigger };
}
