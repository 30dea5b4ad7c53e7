/**
 * From a workflow of GitHub Actions (Gitea's and Forgejo's are of the same form) to jobs of Realm, as far as they can say
 * the same; everything else is named, never passed over. Pure: what the YAML says in, a manifest out.
 */
import { startOf } from "./workflow_events.ts";
import { stringify } from "smol-toml";
import { refuse, type Result } from "./errors.ts";

type Table = Record<string, unknown>;

/** Jobs made of a workflow, and what they do not say. */
export interface ImportedWorkflow {
  /** A manifest. */
  readonly toml: string;
  /** What could not be converted, each with its place. */
  readonly notes: readonly string[];
}

/** Where a checkout appears. */
const SOURCE = "/src";
const PLATFORMS: readonly (readonly [RegExp, string])[] = [
  [/^(ubuntu|linux).*(arm|aarch)/i, "linux/arm64"],
  [/^(ubuntu|linux|debian)/i, "linux/amd64"],
  [/^macos-(13|.*(intel|large))/i, "darwin/amd64"],
  [/^macos/i, "darwin/arm64"],
  [/^windows.*arm/i, "windows/arm64"],
  [/^windows/i, "windows/amd64"],
];
const platformOf = (label: string): string | undefined => PLATFORMS.find(([form]) => form.test(label))?.[1];

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const textsOf = (value: unknown): string[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value.map(String) : [String(value)];
/** A name that a job may have. */
const nameOf = (id: string): string =>
  id.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 63) || "job";

/** What of one job is made on the way. */
interface Making {
  readonly at: string;
  readonly note: (what: string) => void;
  readonly axes: ReadonlySet<string>;
  readonly secrets: Table;
  readonly inputs: Table[];
  readonly outputs: Table[];
  readonly needs: string[];
  readonly steps: Table[];
  cache?: Table;
  /** A checkout is there: steps start in it. */
  inSource: boolean;
}

/** A text with the expressions that Realm has too; what it has not is named and left. */
function textOf(making: Making, value: unknown, place: string): string {
  return String(value).replace(/\$\{\{\s*(.*?)\s*\}\}/g, (whole, expression: string) => {
    const axis = /^matrix\.([A-Za-z_-]+)$/.exec(expression)?.[1];
    if (axis !== undefined && making.axes.has(axisName(axis))) return `{matrix.${axisName(axis)}}`;
    const known: Readonly<Record<string, string>> = {
      "github.run_id": "$REALM_RUN",
      "github.run_attempt": "$REALM_ATTEMPT",
      "github.job": "$REALM_JOB",
      "github.sha": "$REALM_COMMIT",
      "github.ref_name": "$REALM_BRANCH",
      "github.workspace": `$REALM_ROOT${SOURCE}`,
    };
    const variable = known[expression];
    if (variable !== undefined) return variable;
    const hashed = /^hashFiles\(\s*'([^'*]+)'\s*\)$/.exec(expression)?.[1];
    if (hashed !== undefined) return `{hash:${hashed.replace(/^\.?\//, "")}}`;
    if (expression === "runner.os") return "{platform}";
    making.note(`${place}: the expression ${whole}`);
    return whole;
  });
}

const axisName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9_]/g, "_");

/** Variables; those that are secrets become so. */
function environment(making: Making, value: unknown, place: string): Table {
  const made: Table = {};
  if (!isTable(value)) return made;
  for (const [name, content] of Object.entries(value)) {
    const secret = /^\$\{\{\s*secrets\.([A-Za-z0-9_]+)\s*\}\}$/.exec(String(content))?.[1];
    if (secret !== undefined) {
      making.secrets[name] = { name: secret.toLowerCase().replaceAll("_", "-"), as: "env" };
    } else made[name] = textOf(making, content, `${place}.${name}`);
  }
  return made;
}

const absolute = (path: string): string =>
  path.startsWith("/")
    ? path.replace(/\/+$/, "")
    : `${SOURCE}/${path.replace(/^\.\//, "").replace(/\/+$/, "")}`;

/** Actions that are known, by their name without a version. */
const ACTIONS: Readonly<
  Record<string, (making: Making, given: Table, place: string, repository: string) => void>
> = {
  "actions/checkout"(making, given, place, repository) {
    const mount = given.path === undefined ? SOURCE : absolute(String(given.path));
    const depth = given["fetch-depth"];
    making.inputs.push({
      git: given.repository === undefined ? repository : `github.com/${given.repository}`,
      ...(given.ref === undefined ? {} : { ref: textOf(making, given.ref, `${place}.with.ref`) }),
      mount,
      ...(depth === undefined ? {} : { depth: Number(depth) || 1_000_000 }),
      ...(given.submodules && given.submodules !== "false" ? { submodules: true } : {}),
    });
    if (mount === SOURCE) making.inSource = true;
    for (const key of Object.keys(given)) {
      if (!["path", "repository", "ref", "fetch-depth", "submodules"].includes(key)) {
        making.note(`${place}.with.${key}`);
      }
    }
  },
  "actions/cache"(making, given, place) {
    if (making.cache) return making.note(`${place}: a second cache; a job has one`);
    const paths = textsOf(given.path).flatMap((p) => p.split("\n")).map((p) => p.trim()).filter(Boolean);
    const outside = paths.filter((p) => /^[~$]|[*?]/.test(p));
    for (const path of outside) {
      making.note(`${place}.with.path: ${path}; name a directory below the job's own files`);
    }
    making.cache = {
      key: textOf(making, given.key ?? "cache", `${place}.with.key`),
      paths: paths.filter((p) => !outside.includes(p)).map(absolute),
      ...(given["restore-keys"] === undefined ? {} : {
        restore_keys: String(given["restore-keys"]).split("\n").map((k) => k.trim()).filter(Boolean)
          .map((k) => textOf(making, k, `${place}.with.restore-keys`)),
      }),
    };
    if ((making.cache.paths as unknown[]).length === 0) delete making.cache;
  },
  "actions/upload-artifact"(making, given, place) {
    const paths = textsOf(given.path).flatMap((p) => p.split("\n")).map((p) => p.trim()).filter(Boolean);
    if (paths.length !== 1 || /[*?]/.test(paths[0])) {
      return making.note(
        `${place}: an output is one file or directory, not ${paths.join(", ") || "nothing"}`,
      );
    }
    making.outputs.push({
      path: absolute(paths[0]),
      name: String(given.name ?? "artifact").replace(/[^A-Za-z0-9_.-]/g, "-"),
      ...(given["retention-days"] === undefined ? {} : { retention_days: Number(given["retention-days"]) }),
    });
  },
};

/** The command lines of a step. */
function stepOf(making: Making, step: Table, i: number, place: string): void {
  for (const key of ["if", "id", "timeout-minutes"]) {
    if (step[key] !== undefined && !/^(success\(\)|\$\{\{\s*success\(\)\s*\}\})$/.test(String(step[key]))) {
      making.note(`${place}.${key}: ${String(step[key])}`);
    }
  }
  const run = textOf(making, step.run, `${place}.run`);
  const before: string[] = [];
  for (const [name, value] of Object.entries(environment(making, step.env, `${place}.env`))) {
    before.push(`export ${name}='${String(value).replaceAll("'", "'\\''")}'`);
  }
  const directory = step["working-directory"];
  if (directory !== undefined) before.push(`cd '${String(directory).replaceAll("'", "'\\''")}'`);
  const script = [...before, run.trimEnd()].join("\n");
  const name = String(step.name ?? run.trim().split("\n")[0]).slice(0, 128) || `step ${i + 1}`;
  const shell = step.shell === undefined ? undefined : String(step.shell);
  if (shell !== undefined && !["bash", "sh"].includes(shell)) making.note(`${place}.shell: ${shell}`);
  making.steps.push({
    name,
    ...(shell === "bash" ? { command: ["bash", "-eo", "pipefail", "-c", script] } : { run: script }),
    ...(step["continue-on-error"] === true ? { continue_on_error: true } : {}),
  });
}

function matrixOf(making: Making, strategy: unknown, place: string): Table | undefined {
  if (!isTable(strategy)) return undefined;
  const matrix: Table = {};
  const given = isTable(strategy.matrix) ? strategy.matrix : {};
  if (strategy.matrix !== undefined && !isTable(strategy.matrix)) {
    making.note(`${place}.matrix: ${String(strategy.matrix)}`);
  }
  for (const [axis, values] of Object.entries(given)) {
    if (axis === "include") making.note(`${place}.matrix.include: name the values as an axis`);
    else if (axis === "exclude") {
      matrix.exclude = (values as Table[]).map((e) =>
        Object.fromEntries(Object.entries(e).map(([k, x]) => [axisName(k), x]))
      );
    } else if (Array.isArray(values) && values.every((x) => !isTable(x))) {
      matrix[axisName(axis)] = values.map(String);
    } else making.note(`${place}.matrix.${axis}`);
  }
  if (Object.keys(matrix).length === 0) return undefined;
  if (strategy["max-parallel"] !== undefined) matrix.max_parallel = Number(strategy["max-parallel"]);
  matrix.fail_fast = strategy["fail-fast"] !== false;
  return matrix;
}

/** Where a job runs: a platform, tags, or the matrix's axis of platforms. */
function targetOf(making: Making, job: Table, matrix: Table | undefined, place: string): Table {
  const labels = textsOf(isTable(job["runs-on"]) ? job["runs-on"].labels : job["runs-on"]);
  const axis = /^\$\{\{\s*matrix\.([A-Za-z_-]+)\s*\}\}$/.exec(labels[0] ?? "")?.[1];
  if (axis !== undefined && matrix && Array.isArray(matrix[axisName(axis)])) {
    const name = axisName(axis);
    const platforms = (matrix[name] as string[]).map((label) => platformOf(label) ?? label);
    const unknown = platforms.filter((p) => !p.includes("/"));
    for (const label of unknown) making.note(`${place}.runs-on: ${label} is no platform that is known`);
    const known = [...new Set(platforms.filter((p) => p.includes("/")))];
    if (known.length < platforms.length - unknown.length) {
      making.note(`${place}.runs-on: several versions of one system become one platform`);
    }
    delete matrix[name];
    if (known.length > 0) matrix.platform = known;
    return {};
  }
  const platform = labels.map(platformOf).find((p) => p !== undefined);
  const tags = labels.filter((l) =>
    platformOf(l) === undefined && l !== "self-hosted" && /^[A-Za-z0-9_.-]+$/.test(l)
  );
  return { ...(platform === undefined ? {} : { platform }), ...(tags.length > 0 ? { tags } : {}) };
}

/** What a job of the workflow is called in the manifest, by its id. */
type Names = ReadonlyMap<string, string>;

function jobOf(
  id: string,
  job: Table,
  workflow: Table,
  names: Names,
  repository: string,
  notes: string[],
): Table {
  const at = `jobs.${id}`;
  const axes = isTable(job.strategy) && isTable(job.strategy.matrix)
    ? Object.keys(job.strategy.matrix).map(axisName)
    : [];
  const making: Making = {
    at,
    note: (what) => notes.push(what),
    axes: new Set(axes),
    secrets: {},
    inputs: [],
    outputs: [],
    needs: textsOf(job.needs).map((need) => names.get(need) ?? nameOf(need)),
    steps: [],
    inSource: false,
  };
  const env = {
    ...environment(making, workflow.env, "env"),
    ...environment(making, job.env, `${at}.env`),
  };
  const steps = Array.isArray(job.steps) ? job.steps.filter(isTable) : [];
  steps.forEach((step, i) => {
    const place = `${at}.steps[${i}]`;
    if (step.run !== undefined) return stepOf(making, step, i, place);
    const action = String(step.uses ?? "").replace(/@.*$/, "");
    const given = isTable(step.with) ? step.with : {};
    if (action === "actions/download-artifact") return takeArtifact(making, given, place);
    const known = ACTIONS[action];
    if (known) return known(making, given, place, repository);
    const setup = /^[^/]+\/setup-([a-z]+)|rust-toolchain/.exec(action);
    making.note(
      setup
        ? `${place}: ${String(step.uses)}; the nodes must have ${
          setup[1] ?? "rust"
        }: give them a tag and name it in [targeting]`
        : `${place}: the action ${String(step.uses)}`,
    );
  });
  const known = ["name", "needs", "runs-on", "strategy", "env", "steps", "timeout-minutes", "permissions"];
  for (const key of Object.keys(job)) if (!known.includes(key)) making.note(`${at}.${key}`);
  const matrix = matrixOf(making, job.strategy, `${at}.strategy`);
  const targeting = targetOf(making, job, matrix, at);
  const data = {
    ...(making.inputs.length > 0 ? { inputs: making.inputs } : {}),
    ...(making.outputs.length > 0 ? { outputs: making.outputs } : {}),
  };
  const timeout = Number(job["timeout-minutes"] ?? 0);
  const execution = {
    ...(making.inSource ? { working_dir: SOURCE } : {}),
    ...(timeout > 0 ? { timeout_minutes: timeout } : {}),
  };
  const tables: readonly (readonly [string, Table | Table[] | undefined])[] = [
    ["execution", execution],
    ["step", making.steps],
    ["env", env],
    ["secrets", making.secrets],
    ["targeting", targeting],
    ["matrix", matrix],
    ["data", data],
    ["cache", making.cache],
  ];
  return {
    job: {
      name: names.get(id)!,
      type: "one-shot",
      ...(making.needs.length > 0 ? { needs: [...new Set(making.needs)] } : {}),
    },
    runtime: { type: "native", memory_mb: 2_048 },
    ...Object.fromEntries(tables.filter(([, t]) => t && Object.keys(t).length > 0)),
  };
}

function takeArtifact(making: Making, given: Table, place: string): void {
  if (given.name === undefined || making.needs.length === 0) {
    return making.note(`${place}: name the artifact, and the job that makes it in needs`);
  }
  making.inputs.push({
    run: making.needs[0],
    output: String(given.name).replace(/[^A-Za-z0-9_.-]/g, "-"),
    mount: given.path === undefined
      ? `/${String(given.name).replace(/[^A-Za-z0-9_.-]/g, "-")}`
      : absolute(String(given.path)),
  });
}

/** Converts a workflow; `repository` is where checkouts come from. Refuses what is no workflow. */
export function importWorkflow(workflow: unknown, repository: string): Result<ImportedWorkflow> {
  if (!isTable(workflow) || !isTable(workflow.jobs) || Object.keys(workflow.jobs).length === 0) {
    return refuse("bad_manifest", "it is no workflow: there are no `jobs`");
  }
  const notes: string[] = [];
  const note = (what: string) => notes.push(what);
  const names = new Map<string, string>();
  for (const id of Object.keys(workflow.jobs)) {
    let name = nameOf(id);
    for (let n = 2; [...names.values()].includes(name); n++) name = `${nameOf(id).slice(0, 60)}-${n}`;
    names.set(id, name);
  }
  const known = ["name", "run-name", "on", "true", "env", "jobs", "permissions"];
  for (const key of Object.keys(workflow)) if (!known.includes(key)) note(key);
  const { cron, trigger } = startOf(workflow.on ?? workflow.true, repository, note);
  const jobs = Object.entries(workflow.jobs).flatMap(([id, job]) => {
    if (isTable(job) && job.uses === undefined) {
      return [jobOf(id, job, workflow as Table, names, repository, notes)];
    }
    note(`jobs.${id}: a workflow of its own; import that`);
    return [];
  });
  const made = jobs.filter((job) => {
    if ((job.step as unknown[] | undefined)?.length) return true;
    note(`jobs.${(job.job as Table).name}: nothing that could be run is left of it`);
    return false;
  });
  if (made.length === 0) return refuse("bad_manifest", `nothing of it can be converted: ${notes.join("; ")}`);
  if (cron !== undefined) {
    for (const job of made) {
      (job.job as Table).type = "recurring";
      job.schedule = { cron };
    }
  }
  if (trigger !== undefined) { for (const job of made) job.trigger = { ...trigger }; }
  const manifest = made.length === 1 ? made[0] : { jobs: made };
  return { ok: true, value: { toml: stringify(manifest), notes } };
}
