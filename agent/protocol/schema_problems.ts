/**
 * What is wrong with data that people wrote, in words: every unknown key with the nearest valid one, every wrong or
 * missing value with what was expected. Works from valibot schemas, whose messages say **what was expected**
 * ("a whole number from 1 to 4096"), never "invalid".
 */
import { distance } from "./edit_distance.ts";
import * as v from "valibot";
import type { KeyPath } from "./toml_positions.ts";

/** One thing that is wrong, placed by its path in the data. */
export interface DataProblem {
  readonly path: KeyPath;
  /** What is wrong and what was expected, without the key's name. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** The parts of valibot's schemas that are walked here. */
interface Walkable {
  readonly type: string;
  readonly message?: unknown;
  readonly entries?: Readonly<Record<string, Walkable>>;
  readonly item?: Walkable;
  readonly value?: Walkable;
  /** Of keys that are not among `entries`. */
  readonly rest?: Walkable;
  readonly wrapped?: Walkable;
  readonly key?: unknown;
  readonly options?: readonly unknown[];
  readonly getter?: (input: unknown) => Walkable;
}

type Table = Readonly<Record<string, unknown>>;
const isTable = (x: unknown): x is Table =>
  typeof x === "object" && x !== null && !Array.isArray(x) && !(x instanceof Date);

/** Names that JavaScript objects treat specially and that valibot's records therefore drop. */
const FORBIDDEN_NAMES = ["__proto__", "prototype", "constructor"];
/** Unknown keys that are looked for near ones: far more than anybody reads, and a bound on the work. */
const MOST_UNKNOWN = 1_000;
/** Schemas of tables. */
const TABLES = ["strict_object", "object_with_rest", "record", "variant"];
/** Valid keys listed in a hint when none is near. */
const LISTED_KEYS = 14;

/** The schema that applies to `input`: wrappers removed, the variant or union member chosen. */
function resolve(schema: Walkable, input: unknown): Walkable | undefined {
  let at: Walkable = schema;
  for (;;) {
    if (at.wrapped) at = at.wrapped;
    else if (at.getter) at = at.getter(input);
    else break;
  }
  if (at.type === "variant" && isTable(input)) {
    const key = String(at.key);
    return (at.options as Walkable[]).find((option) => {
      const kind = option.entries?.[key] as { literal?: unknown } | undefined;
      return kind?.literal === input[key];
    });
  }
  if (at.type === "union") {
    const wanted = Array.isArray(input) ? "array" : isTable(input) ? "strict_object" : typeof input;
    return (at.options as Walkable[]).find((option) => option.type === wanted);
  }
  return at;
}

/** The member of `keys` that a person most likely meant by `name`. */
export function nearest(name: string, keys: readonly string[]): string | undefined {
  if (name.length > 64) return undefined;
  const plain = (s: string) => s.toLowerCase().replaceAll(/[-_\s]/g, "");
  let best: string | undefined, least = Infinity;
  for (const key of keys) {
    const d = plain(key) === plain(name) ? 0 : distance(name.toLowerCase(), key.toLowerCase());
    if (d < least) [best, least] = [key, d];
  }
  return best !== undefined && least <= Math.max(1, Math.floor(best.length / 3)) ? best : undefined;
}

function unknownKeyHint(name: string, valid: readonly string[], root: Walkable): string {
  const near = nearest(name, valid);
  if (near !== undefined) return `did you mean \`${near}\`?`;
  const home = Object.entries(root.entries ?? {})
    .find(([, table]) => Object.hasOwn(resolve(table, {})?.entries ?? {}, name));
  if (home) return `it belongs in [${home[0]}]`;
  if (valid.length === 0) return "nothing may stand here";
  const listed = valid.slice(0, LISTED_KEYS).map((k) => `\`${k}\``).join(", ");
  return `valid here: ${listed}${valid.length > LISTED_KEYS ? ", …" : ""}`;
}

interface Unknown extends DataProblem {
  /** The key that was meant, when one is near. */
  readonly meant?: string;
}

function findUnknown(
  schema: Walkable,
  input: unknown,
  path: KeyPath,
  root: Walkable,
  out: Unknown[],
): void {
  if (out.length >= MOST_UNKNOWN) return;
  const at = resolve(schema, input);
  if (!at) return;
  // valibot takes any object for a table, a list and a date included.
  if (TABLES.includes(at.type) && typeof input === "object" && input !== null && !isTable(input)) {
    out.push({ path, message: got("a table", input) });
    return;
  }
  if (at.type === "array" && at.item && Array.isArray(input)) {
    input.forEach((x, i) => findUnknown(at.item!, x, [...path, i], root, out));
  } else if (at.type === "record" && at.value && isTable(input)) {
    for (const key of Object.keys(input)) {
      if (FORBIDDEN_NAMES.includes(key)) {
        out.push({ path: [...path, key], message: "is not allowed as a name", hint: "choose another name" });
      } else findUnknown(at.value, input[key], [...path, key], root, out);
    }
  } else if (at.type === "strict_object" && at.entries && isTable(input)) {
    const valid = Object.keys(at.entries);
    for (const key of Object.keys(input)) {
      if (out.length >= MOST_UNKNOWN) return;
      if (Object.hasOwn(at.entries, key)) {
        findUnknown(at.entries[key], input[key], [...path, key], root, out);
        continue;
      }
      const free = valid.filter((k) => !Object.hasOwn(input, k));
      out.push({
        path: [...path, key],
        message: "unknown key",
        hint: unknownKeyHint(key, free, root),
        meant: nearest(key, free),
      });
    }
  }
}

/** What a schema expects, in words. */
function expectation(schema: Walkable | undefined): string {
  if (!schema) return "a value";
  if (schema.wrapped) return expectation(schema.wrapped);
  if (schema.getter) return expectation(schema.getter(undefined));
  if (typeof schema.message === "string") return schema.message;
  switch (schema.type) {
    case "string":
      return "text in quotes";
    case "number":
      return "a number";
    case "boolean":
      return "true or false";
    case "array":
      return "a list";
    case "picklist":
      return `one of ${(schema.options ?? []).map((o) => JSON.stringify(o)).join(", ")}`;
    case "literal":
      return JSON.stringify((schema as { literal?: unknown }).literal);
    case "variant":
      return `a table whose \`${String(schema.key)}\` is one of ${variantKinds(schema)}`;
    case "object":
    case "strict_object":
    case "object_with_rest":
    case "record":
      return "a table";
    default:
      return "a value";
  }
}

const variantKinds = (schema: Walkable): string =>
  (schema.options as Walkable[])
    .map((o) =>
      JSON.stringify((o.entries?.[String(schema.key)] as { literal?: unknown } | undefined)?.literal)
    )
    .join(", ");

/** A value as it is shown in a message: short, with no control characters. */
export function showValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") {
    return JSON.stringify(value.length > 60 ? value.slice(0, 57) + "…" : value);
  }
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (typeof value === "object" && value !== null) return "a table";
  return String(value);
}

/** The schema at a path, and the table that holds it. */
function schemaAt(root: Walkable, input: unknown, path: KeyPath): Walkable | undefined {
  let at: Walkable | undefined = root, value = input;
  for (const key of path) {
    const here: Walkable | undefined = at && resolve(at, value);
    if (!here) return undefined;
    if (here.type === "variant") at = (here.options as Walkable[])[0]?.entries?.[String(key)];
    else at = typeof key === "number" ? here.item : here.entries?.[key] ?? here.rest ?? here.value;
    value = (value as Record<string | number, unknown> | undefined)?.[key];
  }
  return at;
}

function describeIssue(root: Walkable, input: unknown, issue: v.BaseIssue<unknown>): DataProblem {
  const path = (issue.path ?? []).map((p) => p.key as string | number);
  const missing = issue.input === undefined;
  if (issue.type === "variant" && path.length > 0) {
    const owner = schemaAt(root, input, path.slice(0, -1));
    let schema = owner;
    while (schema?.wrapped) schema = schema.wrapped;
    const kinds = schema?.type === "variant" ? `one of ${variantKinds(schema)}` : issue.expected ?? "a value";
    return { path, message: missing ? `missing, expected ${kinds}` : got(kinds, issue.input) };
  }
  const preset = issue.message.startsWith("Invalid ");
  const expected = preset || missing ? expectation(schemaAt(root, input, path)) : issue.message;
  return { path, message: missing ? `missing, expected ${expected}` : got(expected, issue.input) };
}

const got = (expected: string, input: unknown) => `expected ${expected}, got ${showValue(input)}`;

/** Data that fits the schema, or everything that does not. */
export type Checked<T> = { readonly ok: true; readonly value: T } | {
  readonly ok: false;
  readonly problems: readonly DataProblem[];
};

/**
 * Checks `input` against a schema of strict objects; gives all problems at once: unknown keys first, then values.
 * Never throws, whatever the input is.
 */
export function checkData<S extends v.GenericSchema>(schema: S, input: unknown): Checked<v.InferOutput<S>> {
  const root = schema as unknown as Walkable;
  const unknown: Unknown[] = [];
  findUnknown(root, input, [], root, unknown);
  // Pipes end at their first problem: a pattern must never see a text that is longer than allowed.
  const result = v.safeParse(schema, input, { abortPipeEarly: true });
  if (result.success && unknown.length === 0) return { ok: true, value: result.output };
  const meant = new Set(unknown.filter((u) => u.meant).map((u) => keyOf([...u.path.slice(0, -1), u.meant!])));
  // What is wrong below a place has been said of the whole.
  const said = new Set(unknown.map((u) => keyOf(u.path)));
  const problems: DataProblem[] = unknown.map(({ path, message, hint }) => ({ path, message, hint }));
  for (const issue of result.issues ?? []) {
    if (issue.type === "strict_object" && issue.expected === "never") continue;
    const problem = describeIssue(root, input, issue);
    if (problem.path.some((_, i) => said.has(keyOf(problem.path.slice(0, i + 1))))) continue;
    if (issue.input === undefined && meant.has(keyOf(problem.path))) continue;
    problems.push(problem);
  }
  return { ok: false, problems };
}

const keyOf = (path: KeyPath) => JSON.stringify(path);

/**
 * What a key takes, for forms. `words`: a list of texts, numbers or truth values; `tables`: a list of tables; `texts`:
 * a table of texts under names of one's own; `named`: a table of tables under such names; `other`: none of these.
 */
export type KeyForm =
  | "text"
  | "number"
  | "check"
  | "choice"
  | "words"
  | "table"
  | "tables"
  | "texts"
  | "named"
  | "other";

/** A key that may stand in a table, as completions and forms show it. */
export interface KnownKey {
  /** Its name. */
  readonly key: string;
  /** What is expected of its value, in words. */
  readonly expects: string;
  /** What it means; empty where the schema does not say. */
  readonly text: string;
  /** Whether it has to be there. */
  readonly required: boolean;
  /** How a form asks for it. */
  readonly form: KeyForm;
  /** Values that it may have, as TOML, where they are few. */
  readonly values: readonly string[];
  /** Whether it is a table. */
  readonly table: boolean;
}

function valuesOf(schema: Walkable): readonly string[] {
  if (schema.wrapped) return valuesOf(schema.wrapped);
  if (schema.type === "boolean") return ["true", "false"];
  if (schema.type === "picklist") return (schema.options ?? []).map((o) => JSON.stringify(o));
  if (schema.type === "literal") return [JSON.stringify((schema as { literal?: unknown }).literal)];
  if (schema.type === "union") return (schema.options as Walkable[]).flatMap(valuesOf);
  return [];
}

const PLAIN_FORMS: Readonly<Record<string, KeyForm>> = {
  string: "text",
  number: "number",
  boolean: "check",
  picklist: "choice",
  literal: "choice",
  strict_object: "table",
  object_with_rest: "table",
};

function formOf(schema: Walkable): KeyForm {
  if (schema.wrapped) return formOf(schema.wrapped);
  if (schema.type === "array" && schema.item) {
    const item = formOf(schema.item);
    return item === "table"
      ? "tables"
      : ["text", "number", "check", "choice"].includes(item)
      ? "words"
      : "other";
  }
  if (schema.type === "record" && schema.value) {
    const value = formOf(schema.value);
    return value === "text" ? "texts" : value === "table" ? "named" : "other";
  }
  // Of several forms the first is the short one that people write.
  if (schema.type === "union") return formOf((schema.options as Walkable[])[0]);
  return PLAIN_FORMS[schema.type] ?? "other";
}

/** The description on a schema or, below what makes it optional, on what it wraps. */
function descriptionOf(schema: Walkable): string {
  const own = v.getDescription(schema as unknown as v.GenericSchema);
  return own ?? (schema.wrapped ? descriptionOf(schema.wrapped) : "");
}

/** Keys that may stand in the table at `path`, in the schema's order; empty where there is no such table. */
export function keysAt(schema: v.GenericSchema, path: readonly string[]): readonly KnownKey[] {
  let at = resolve(schema as unknown as Walkable, {});
  for (const key of path) {
    const next: Walkable | undefined = at?.entries?.[key] ?? (at?.type === "record" ? at.value : undefined);
    at = next && resolve(next, {});
    if (at?.type === "array" && at.item) at = resolve(at.item, {});
  }
  return Object.entries(at?.entries ?? {}).flatMap(([key, entry]) => {
    // Of a union none but a table: `undefined` says that there is none, not that the key is refused.
    const inner = resolve(entry, {});
    if (inner?.type === "unknown") return [];
    const table = inner !== undefined && TABLES.includes(inner.type);
    return [{
      key,
      expects: expectation(entry),
      text: descriptionOf(entry),
      required: !entry.wrapped,
      form: formOf(entry),
      values: valuesOf(entry),
      table,
    }];
  });
}
