/**
 * Realm manifests: what `realm apply` and the dashboard take. One text holds one or more tables, each a wish that
 * becomes one or more commands; a table may stand once (`[app]`) or often (`[[app]]`).
 */
import * as v from "valibot";
import { type Replicas, ReplicasSchema, StrategySchema } from "./app_spec.ts";
import { DigestSchema, NameSchema, NodeIdSchema, TagSchema } from "./wire_values.ts";
import { KeyIdSchema, LabelSchema, type Role } from "./grant.ts";
import type { Digest, KeyId, NodeId } from "./identity.ts";
import { jobProblems } from "./job_checks.ts";
import type { JobManifest } from "./job_plan.ts";
import { jobTableNames, jobTables, PipelineSchema } from "./job_schema.ts";
import { unsupportedKeys } from "./job_support.ts";
import type { WrittenJob } from "./job_written.ts";
import { limits } from "./limits.ts";
import { policyRules, policySchemas, type PolicySettings } from "./policy.ts";
import { SecretNameSchema, type SecretScope, SecretScopeSchema } from "./secret.ts";
import { type DataProblem, keysAt, type KnownKey } from "./schema_problems.ts";
import { parseToml, type TomlResult } from "./toml.ts";
import type { KeyPath } from "./toml_positions.ts";
import { flag, list, selectorTag, whole } from "./written_values.ts";

/** Deploy a package. */
export interface AppWish {
  /** Path of a package, relative to the manifest, or the digest of one that the realm has. */
  readonly package: string;
  /** Name of the app; the package's own when absent. */
  readonly name?: string | undefined;
  /** How many. */
  readonly replicas: Replicas;
  /** Node tags, or `!tag` to exclude. */
  readonly tags: readonly string[];
  /** How a new version replaces the old one. */
  readonly strategy: "rolling" | "all" | "canary";
}
/** Set a node's tags, or its willingness to take work; what is absent stays as it is. */
export interface NodeWish {
  /** Node id. */
  readonly node: NodeId;
  /** Node tags. */
  readonly tags?: readonly string[] | undefined;
  /** Whether it takes no new work. */
  readonly cordon?: boolean | undefined;
  /** Whether its present work moves away, too. */
  readonly drain?: boolean | undefined;
}
/** Grant a role to a key until a time, or revoke the key. */
export type KeyWish =
  | {
    readonly key: KeyId;
    readonly role: Exclude<Role, "owner">;
    readonly until: number;
    readonly name?: string | undefined;
  }
  | { readonly key: KeyId; readonly revoke: true };
/** Keep a blob. */
export interface PinWish {
  /** SHA-256 of the content. */
  readonly digest: Digest;
  /** Name for people. */
  readonly name?: string | undefined;
  /** On how many nodes. */
  readonly copies: number;
  /** Node tags. */
  readonly tags: readonly string[];
}

/** Set rules of what nodes may run. */
export interface PolicyTable {
  /** Only this node; absent: all. */
  readonly node?: NodeId | undefined;
  /** Rules and their values. */
  readonly rules: PolicySettings;
}
/** Set a secret, or say what it is for. */
export interface SecretTable {
  /** Its name. */
  readonly name: string;
  /** What it is for. */
  readonly scope: SecretScope;
  /** File that has its value, relative to the manifest; absent: the value stays. */
  readonly valueFile?: string | undefined;
}

/** A realm manifest, checked. Lists keep the order of the text. */
export interface RealmManifest {
  /** Apps to deploy. */
  readonly apps: readonly AppWish[];
  /** Nodes to change. */
  readonly nodes: readonly NodeWish[];
  /** Keys to grant or revoke. */
  readonly keys: readonly KeyWish[];
  /** Blobs to keep. */
  readonly pins: readonly PinWish[];
  /** Rules to set. */
  readonly policies: readonly PolicyTable[];
  /** Secrets to set, or to be for something else. */
  readonly secrets: readonly SecretTable[];
  /** Jobs to run: one of [job], or a pipeline of [[jobs]]. */
  readonly jobs: JobManifest;
}

/** One table, or a list of them. */
const tables = <S extends v.GenericSchema>(table: S) => {
  const list = v.pipe(
    v.array(table, "a table, or a list of tables"),
    v.maxLength(limits.manifestTables, `at most ${limits.manifestTables} tables`),
  );
  return v.optional(
    v.lazy((input): v.GenericSchema<v.InferOutput<S> | v.InferOutput<S>[]> =>
      (Array.isArray(input) ? list : table) as unknown as v.GenericSchema<
        v.InferOutput<S> | v.InferOutput<S>[]
      >
    ),
  );
};

const selector = list(selectorTag, "a list of tags", 64);

/** Milliseconds of a TOML date or its text; a time without zone is UTC. */
function timeOf(value: unknown): number | undefined {
  const text = value instanceof Date ? value.toISOString() : value;
  if (typeof text !== "string") return undefined;
  const match = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.exec(text);
  if (!match) return undefined;
  const whole = text.length === 10 ? `${text}T00:00:00Z` : match[1] ? text : `${text}Z`;
  const time = Date.parse(whole.replace(" ", "T"));
  return Number.isNaN(time) ? undefined : time;
}
const DATE = "a date such as 2027-01-31 or 2027-01-31T12:00:00Z";

const App = v.strictObject({
  package: v.pipe(
    v.string("the path or digest of a package"),
    v.nonEmpty("the path or digest of a package"),
    v.maxLength(4096, "a path of at most 4096 characters"),
  ),
  name: v.optional(NameSchema),
  replicas: v.optional(v.union(ReplicasSchema.options, `a number from 0 to ${limits.replicas}, or "all"`), 1),
  tags: v.optional(selector, []),
  strategy: v.optional(v.picklist(StrategySchema.options, '"rolling", "all" or "canary"'), "rolling"),
});
const Node = v.strictObject({
  node: NodeIdSchema,
  tags: v.optional(v.pipe(v.array(TagSchema, "a list of tags"), v.maxLength(64, "at most 64 tags"))),
  cordon: v.optional(flag),
  drain: v.optional(flag),
});
const Key = v.strictObject({
  key: KeyIdSchema,
  role: v.optional(v.picklist(["viewer", "operator", "admin"], '"viewer", "operator" or "admin"')),
  until: v.optional(v.custom<Date | string>((x) => timeOf(x) !== undefined, DATE)),
  name: v.optional(LabelSchema),
  revoke: v.optional(flag, false),
});
const Pin = v.strictObject({
  digest: DigestSchema,
  name: v.optional(LabelSchema),
  copies: v.optional(whole(1, 100), 2),
  tags: v.optional(selector, []),
});

const PolicyRules = v.strictObject({
  node: v.optional(NodeIdSchema),
  ...v.partial(v.strictObject(policySchemas)).entries,
});
const Secret = v.strictObject({
  name: SecretNameSchema,
  jobs: v.optional(SecretScopeSchema.entries.jobs, []),
  branches: v.optional(SecretScopeSchema.entries.branches, []),
  tags: v.optional(SecretScopeSchema.entries.tags, []),
  value_file: v.optional(
    v.pipe(v.string("the path of a file"), v.nonEmpty("the path of a file"), v.maxLength(4_096, "a path")),
  ),
});

/** Tables of the specification that this version does not take yet. */
const RESERVED = ["upgrade", "volume", "alert"] as const;

/** A realm manifest as written. */
export const RealmManifestSchema = v.strictObject({
  app: tables(App),
  node: tables(Node),
  key: tables(Key),
  pin: tables(Pin),
  policy: tables(PolicyRules),
  secret: tables(Secret),
  ...jobTables,
  job: v.optional(jobTables.job),
  runtime: v.optional(jobTables.runtime),
  jobs: v.optional(PipelineSchema),
  upgrade: v.optional(v.unknown()),
  volume: v.optional(v.unknown()),
  alert: v.optional(v.unknown()),
});
type Written = v.InferOutput<typeof RealmManifestSchema>;

const listOf = <T>(value: T | T[] | undefined): T[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

/** Calls `visit` with each table and its path. */
function eachTable<T>(
  name: string,
  value: T | T[] | undefined,
  visit: (table: T, path: KeyPath) => void,
): void {
  listOf(value).forEach((table, i) => visit(table, Array.isArray(value) ? [name, i] : [name]));
}

/** The jobs of a manifest, each with its path: the tables beside [job], or the entries of [[jobs]]. */
function jobsOf(m: Written): readonly { readonly job: WrittenJob; readonly path: KeyPath }[] {
  const parts = Object.fromEntries(
    jobTableNames.flatMap((name) => m[name] === undefined ? [] : [[name, m[name]]]),
  ) as Partial<WrittenJob>;
  const alone = m.job && m.runtime ? [{ job: { ...parts, job: m.job, runtime: m.runtime }, path: [] }] : [];
  return [...alone, ...(m.jobs ?? []).map((job, i) => ({ job, path: ["jobs", i] }))];
}

function checkJobs(m: Written, report: (path: KeyPath, message: string, hint?: string) => void): void {
  if (m.job && !m.runtime) report(["job"], "stands without [runtime]", "say in [runtime] what executes it");
  if (!m.job) {
    for (const name of jobTableNames) {
      if (m[name] !== undefined) {
        report(
          [name],
          "stands without [job]",
          m.jobs ? "put it into an entry of [[jobs]]" : "add [job] with `name` and `type`",
        );
      }
    }
  }
  if (m.job && m.jobs) {
    report(["jobs"], "stands beside [job]", "make [job] an entry of [[jobs]], or two manifests");
  }
}

function problemsOf(m: Written): readonly DataProblem[] {
  const problems: DataProblem[] = [];
  const report = (path: KeyPath, message: string, hint?: string) =>
    problems.push({ path, message, ...(hint !== undefined && { hint }) });
  for (const name of RESERVED) {
    if (m[name] !== undefined) report([name], "is not supported by this version", "remove the table");
  }
  if (Object.values(m).every((table) => table === undefined || listOf(table).length === 0)) {
    report([], "has no table", "write [app], [job], [node], [key], [pin], [policy] or [secret]");
  }
  checkJobs(m, report);
  const jobs = jobsOf(m);
  problems.push(...jobProblems(jobs.map((j) => j.job), jobs.map((j) => j.path)));
  for (const { job, path } of jobs) problems.push(...unsupportedKeys(job, path));
  const seen = new Set<string>();
  const once = (path: KeyPath, what: string, id: string) => {
    if (seen.has(`${what} ${id}`)) report(path, `is the second wish for this ${what}`, "keep one");
    seen.add(`${what} ${id}`);
  };
  eachTable(
    "app",
    m.app,
    (app, path) =>
      once([...path, app.name === undefined ? "package" : "name"], "app", app.name ?? app.package),
  );
  eachTable("secret", m.secret, (secret, path) => once([...path, "name"], "secret", secret.name));
  eachTable("policy", m.policy, ({ node, ...rules }, path) => {
    for (const rule of Object.keys(rules)) once([...path, rule], `rule ${rule} of`, node ?? "the realm");
    if (Object.keys(rules).length === 0) {
      report(path, "sets no rule", `there are ${Object.keys(policyRules).join(", ")}`);
    }
  });
  eachTable("pin", m.pin, (pin, path) => once([...path, "digest"], "blob", pin.digest));
  eachTable("node", m.node, (node, path) => {
    once([...path, "node"], "node", node.node);
    if (node.tags === undefined && node.cordon === undefined && node.drain === undefined) {
      report(path, "changes nothing", "set `tags`, `cordon` or `drain`");
    }
    if (node.drain && node.cordon === false) {
      report(
        [...path, "cordon"],
        "stands with `drain = true`, which takes no new work",
        "remove one of the two",
      );
    }
  });
  eachTable("key", m.key, (key, path) => {
    once([...path, "key"], "key", key.key);
    if (key.revoke) {
      for (const other of ["role", "until", "name"] as const) {
        if (key[other] !== undefined) {
          report([...path, other], "stands with `revoke = true`", "remove one of the two");
        }
      }
      return;
    }
    if (key.role === undefined) {
      report([...path, "role"], 'missing, expected "viewer", "operator" or "admin"');
    }
    if (key.until === undefined) report([...path, "until"], `missing, expected ${DATE}`);
  });
  return problems;
}

function keyOf(k: v.InferOutput<typeof Key>): KeyWish {
  if (k.revoke) return { key: k.key, revoke: true };
  return {
    key: k.key,
    role: k.role!,
    until: timeOf(k.until)!,
    ...(k.name !== undefined && { name: k.name }),
  };
}

/**
 * Reads a realm manifest. Refuses whole, with every problem by line and key. Never throws; bounded by
 * {@link limits.tomlBytes}.
 */
export function parseRealmManifest(
  source: string | Uint8Array,
  options: { readonly file: string },
): TomlResult<RealmManifest> {
  const parsed = parseToml(source, RealmManifestSchema, { file: options.file, check: problemsOf });
  if (!parsed.ok) return parsed;
  const m = parsed.value;
  return {
    ok: true,
    value: {
      apps: listOf(m.app),
      nodes: listOf(m.node),
      keys: listOf(m.key).map(keyOf),
      pins: listOf(m.pin),
      policies: listOf(m.policy).map(({ node, ...rules }) => ({
        ...(node === undefined ? {} : { node }),
        rules,
      })),
      secrets: listOf(m.secret).map(({ name, jobs, branches, tags, value_file: valueFile }) => ({
        name,
        scope: { jobs, branches, tags },
        ...(valueFile === undefined ? {} : { valueFile }),
      })),
      jobs: jobsOf(m).map((j) => j.job),
    },
  };
}

/** Keys that may stand in the table at `path` of a realm manifest; the tables themselves at the root. */
export const manifestKeys = (path: readonly string[]): readonly KnownKey[] =>
  keysAt(RealmManifestSchema, path);
