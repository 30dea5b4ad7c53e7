/**
 * Which keys of a job this version carries out. Everything else of the specification is refused when a job is
 * submitted, in one sentence, and never passed over.
 */
import type { JobEngine, WrittenJob } from "./job_written.ts";
import type { DataProblem } from "./schema_problems.ts";
import type { KeyPath } from "./toml_positions.ts";

/** What is not carried out yet: a path, and the value that makes it so where not every value does. */
interface Gap {
  readonly path: readonly string[];
  readonly when?: (value: unknown) => boolean;
  readonly hint?: string;
  /** Runtimes that carry it out. */
  readonly but?: readonly JobEngine[];
}

const NATIVE: readonly JobEngine[] = ["native"];

const GAPS: readonly Gap[] = [
  {
    path: ["runtime", "type"],
    when: (t) => t !== "wasm" && t !== "native",
    hint: 'this version runs jobs of runtime "wasm" or "native"',
  },
  { path: ["runtime", "image"] },
  { path: ["runtime", "binary"], but: NATIVE },
  { path: ["runtime", "cpu_cores"], but: NATIVE },
  { path: ["runtime", "pids"], but: NATIVE },
  { path: ["runtime", "gpu"], when: (n) => n !== 0 },
  { path: ["runtime", "fallback"], when: (list) => (list as readonly unknown[]).length > 0 },
  {
    path: ["execution", "working_dir"],
    when: (dir) => dir !== "/",
    hint: "a wasm program starts in /: name its files by their whole path",
    but: NATIVE,
  },
  { path: ["step"], when: (list) => (list as readonly unknown[]).length > 0, but: NATIVE },
  { path: ["targeting", "prefer_data"], when: (x) => x === true },
  { path: ["sandbox", "network"], when: (x) => x !== "none", but: NATIVE },
  { path: ["sandbox", "read"], when: (list) => (list as readonly unknown[]).length > 0, but: NATIVE },
  { path: ["sandbox", "minimum"], but: NATIVE },
  {
    path: ["sandbox", "minimum"],
    when: (level) => level === "container",
    hint: 'there is no "container" yet, use "namespaced"',
  },
];
const MESSAGE = "is not supported by this version yet";

const valueAt = (job: WrittenJob, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], job);

/** Everything in a job that this version cannot carry out; `place` is the job's path in the manifest. */
export function unsupportedKeys(job: WrittenJob, place: KeyPath): readonly DataProblem[] {
  const problems: DataProblem[] = [];
  for (const { path, when, hint, but } of GAPS) {
    const value = valueAt(job, path);
    if (value === undefined || but?.includes(job.runtime.type) || (when && !when(value))) continue;
    // Of a whole table the reader needs one sentence.
    if (problems.some((p) => p.path.join() === [...place, path[0]].join())) continue;
    problems.push({ path: [...place, ...path], message: MESSAGE, hint: hint ?? "remove it" });
  }
  return problems;
}

/** What is not carried out yet, as lines of a reference. */
export function jobSupport(): readonly string[] {
  return GAPS.map(({ path, when, hint, but }) => {
    const name = path.length === 1
      ? `\`[${path[0]}]\``
      : `\`${path.slice(1).join(".")}\` in \`[${path[0]}]\``;
    const key = but ? `${name} of jobs that are not ${but.join(" or ")}` : name;
    return hint ? `${key}: ${hint}` : when ? `${key}, but for its default` : key;
  });
}
