/**
 * The manifest of jobs that a person is writing, by form or as text. The form holds each job as plain data, whatever a
 * person typed into it: what is wrong is told by the parser of manifests alone, from the text that the form makes.
 */
import { effect, signal } from "@preact/signals";
import { type JobManifest, type KeyPath, parseRealmManifest } from "../../../mod.ts";
import type { Local } from "../files/local_files.ts";
import { session } from "../session.ts";
import { tomlLines } from "../toml/write.ts";

/** Table → key → value, as the form holds it. */
export type Raw = Readonly<Record<string, unknown>>;
/** A path in a {@link Raw}. */
export type Path = KeyPath;

/** What is being written. */
export interface Draft {
  readonly by: "form" | "toml";
  /** The form's jobs, and the one that is shown. */
  readonly jobs: readonly Raw[];
  readonly at: number;
  /** The text of {@link tomlOf}, or what was written. */
  readonly text: string;
}

/** A job to begin with. */
export const newJob = (name: string): Raw => ({ job: { name, type: "one-shot" }, runtime: { type: "wasm" } });

const fresh = (): Draft => {
  const jobs = [newJob("my-job")];
  return { by: "form", jobs, at: 0, text: tomlOf(jobs) };
};

const isTable = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isEmpty = (value: unknown): boolean =>
  value === undefined || value === "" || (Array.isArray(value) && value.length === 0);

/** The value at a path. */
export const valueAt = (raw: Raw, path: Path): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<string | number, unknown> | undefined)?.[key], raw);

/** With the value at a path replaced; what is empty goes, and tables that become empty by it. */
export function withValue(raw: Raw, [key, ...rest]: Path, value: unknown): Raw {
  const old = raw[key];
  const next = rest.length === 0
    ? value
    : Array.isArray(old)
    ? old.map((item, i) => i === rest[0] ? inner(item as Raw, rest.slice(1), value) : item)
    : withValue(isTable(old) ? old : {}, rest, value);
  const { [key]: _, ...others } = raw;
  if (isEmpty(next) || (rest.length > 0 && isTable(next) && Object.keys(next).length === 0)) return others;
  // In its place where it was there before: the text must not jump.
  return Object.hasOwn(raw, key) ? { ...raw, [key]: next } : { ...others, [key]: next };
}
const inner = (item: Raw, path: Path, value: unknown): Raw =>
  path.length === 0 ? value as Raw : withValue(item, path, value);

/** Tables in the order in which people write them. */
const ORDER = ["job", "schedule", "trigger", "runtime", "execution", "step", "env", "secrets"];
const rank = (name: string): number => ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length;

function tablesOf(job: Raw, prefix: string): string[] {
  const names = Object.keys(job).sort((a, b) => rank(a) - rank(b));
  return names.flatMap((name) => {
    const value = job[name];
    const many = Array.isArray(value);
    const header = many ? `[[${prefix}${name}]]` : `[${prefix}${name}]`;
    return (many ? value : [value]).map((table) => `${header}\n${tomlLines(table as Raw)}`);
  });
}

/** Jobs as a manifest: one as the tables beside [job], several as entries of [[jobs]]. */
export const tomlOf = (jobs: readonly Raw[]): string =>
  jobs.length === 1
    ? tablesOf(jobs[0], "").join("\n")
    : jobs.map((job) => `[[jobs]]\n${tablesOf(job, "jobs.").join("")}`).join("\n");

/** The draft. */
export const draft = signal<Draft>(fresh());
/** Files that the manifest names, by the path as written, as far as they were chosen here. */
export const chosen = signal<ReadonlyMap<string, Local>>(new Map());
effect(() => {
  // What one person wrote is not shown to the next.
  if (session.value) return;
  draft.value = fresh();
  chosen.value = new Map();
});

/** Changes the form's jobs, and by that the text. */
export const setJobs = (jobs: readonly Raw[], at = draft.value.at): void =>
  void (draft.value = { by: "form", jobs, at: Math.min(at, jobs.length - 1), text: tomlOf(jobs) });

/** Changes the text. */
export const setText = (text: string): void => void (draft.value = { ...draft.value, by: "toml", text });

/** Name of the file in problems and command lines. */
export const FILE = "job.toml";

/** The manifest, or what is wrong with it. */
export const read = (text: string): ReturnType<typeof parseRealmManifest> =>
  parseRealmManifest(text, { file: FILE });

/** Takes over the jobs of a manifest that was written elsewhere. */
export const takeJobs = (jobs: JobManifest): void => setJobs(rawOf(jobs), 0);

/** To the form, where the text is a manifest of jobs; `false` where it is none. */
export function toForm(): boolean {
  const { by, text } = draft.value;
  if (by === "form") return true;
  const parsed = read(text);
  if (!parsed.ok || parsed.value.jobs.length === 0) return false;
  takeJobs(parsed.value.jobs);
  return true;
}

/** As the form holds it: a schedule that is short for one of its table is written as such. */
const rawOf = (jobs: JobManifest): readonly Raw[] =>
  structuredClone(jobs) as readonly object[] as readonly Raw[];
