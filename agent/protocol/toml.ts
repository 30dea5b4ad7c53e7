/**
 * TOML that people wrote, read against a schema: refused whole with every problem named by file, line and key, or
 * accepted whole. Used for package manifests and for the manifests of `realm apply`.
 */
import { parse, TomlError } from "smol-toml";
import type * as v from "valibot";
import { fromUtf8, utf8 } from "./encoding.ts";
import { limits } from "./limits.ts";
import { checkData, type DataProblem } from "./schema_problems.ts";
import { type KeyPath, keyPositions } from "./toml_positions.ts";

/** One thing that is wrong in a TOML file. */
export interface TomlProblem {
  /** Name of the file. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Dotted key (`mounts[1].guest`); empty for the file as a whole. */
  readonly key: string;
  /** What is wrong and what was expected. */
  readonly message: string;
  /** What to do: the nearest valid key, most often. */
  readonly hint?: string;
}

/** A refusal with everything that is wrong; also fits `Result<T>`. */
export interface TomlRefusal {
  /** A refusal. */
  readonly ok: false;
  /** Stable code. */
  readonly code: "bad_manifest" | "too_large";
  /** All listed problems, one a line. */
  readonly message: string;
  /** The first {@link limits.tomlProblems}, in order of lines. */
  readonly problems: readonly TomlProblem[];
}
/** A value that fits its schema, or a refusal. */
export type TomlResult<T> = { readonly ok: true; readonly value: T } | TomlRefusal;

/** How to read a TOML text. */
export interface TomlOptions<T> {
  /** Name shown in problems. */
  readonly file: string;
  /** Bound of the text in bytes; default {@link limits.tomlBytes}. */
  readonly maxBytes?: number;
  /** What the schema cannot say: combinations of keys. Called only with a value that fits the schema. */
  readonly check?: (value: T) => readonly DataProblem[];
}

/** A path as people write it: `mounts[1].guest`, `env."my key"`. */
export function showKey(path: KeyPath): string {
  return path.map((part, i) => {
    if (typeof part === "number") return `[${part}]`;
    const bare = /^[A-Za-z0-9_-]{1,80}$/.test(part) ? part : JSON.stringify(part.slice(0, 80));
    return i === 0 ? bare : `.${bare}`;
  }).join("");
}

/** One problem as one line: `file:line: \`key\`: message; hint`. */
export function showProblem(p: TomlProblem): string {
  const key = p.key === "" ? "" : `\`${p.key}\`: `;
  return `${p.file}:${p.line}: ${key}${p.message}${p.hint ? `; ${p.hint}` : ""}`;
}

function refusal(
  problems: readonly TomlProblem[],
  code: TomlRefusal["code"] = "bad_manifest",
  total = problems.length,
): TomlRefusal {
  const shown = problems.slice(0, limits.tomlProblems);
  const more = total - shown.length;
  const lines = shown.map(showProblem);
  if (more > 0) lines.push(`and ${more} more`);
  return { ok: false, code, message: lines.join("\n"), problems: shown };
}

/** A refusal that names problems by their path in `text`; for checks made after {@link parseToml}. */
export function tomlRefusal(text: string, file: string, problems: readonly DataProblem[]): TomlRefusal {
  const positions = keyPositions(text);
  const placed = problems.slice(0, limits.tomlProblems * 8).map((p): TomlProblem => {
    const { line, column } = positions.find(p.path);
    return { file, line, column, key: showKey(p.path), message: p.message, ...(p.hint && { hint: p.hint }) };
  });
  placed.sort((a, b) => a.line - b.line || a.column - b.column);
  return refusal(placed, "bad_manifest", problems.length);
}

function syntaxProblem(file: string, error: unknown): TomlProblem {
  if (!(error instanceof TomlError)) {
    return { file, line: 1, column: 1, key: "", message: "is not TOML" };
  }
  const message = error.message.split("\n")[0].replace("Invalid TOML document: ", "is not valid TOML: ");
  return { file, line: error.line, column: error.column, key: "", message };
}

/** A key or header at the start of a line with more parts than nesting may have: the parser bounds only brackets. */
const DEEP_KEY = new RegExp(
  `^[ \\t]*\\[{0,2}[ \\t]*(?:(?:[A-Za-z0-9_-]+|"[^"\\n]*"|'[^'\\n]*')[ \\t]*\\.[ \\t]*){${limits.tomlDepth}}`,
  "m",
);

function deepKey(file: string, text: string): TomlProblem | undefined {
  const at = text.search(DEEP_KEY);
  if (at < 0) return undefined;
  const line = text.slice(0, at).split("\n").length;
  return { file, line, column: 1, key: "", message: `a key has more than ${limits.tomlDepth} parts` };
}

/**
 * Reads a TOML text (or its UTF-8 bytes) by a schema of strict objects. Never throws for any input. Time and memory
 * are bounded by `maxBytes`; nesting by {@link limits.tomlDepth}.
 */
export function parseToml<S extends v.GenericSchema>(
  source: string | Uint8Array,
  schema: S,
  options: TomlOptions<v.InferOutput<S>>,
): TomlResult<v.InferOutput<S>> {
  const { file, maxBytes = limits.tomlBytes } = options;
  const whole = (message: string, code?: TomlRefusal["code"]) =>
    refusal([{ file, line: 1, column: 1, key: "", message }], code);
  // A text of n code units has n to 3n bytes: encode only when it may be too long.
  const tooLong = typeof source === "string"
    ? source.length > maxBytes || (source.length * 3 > maxBytes && utf8(source).length > maxBytes)
    : source.length > maxBytes;
  if (tooLong) return whole(`is larger than ${maxBytes} bytes; split it`, "too_large");
  let text: string, data: unknown;
  try {
    text = typeof source === "string" ? source : fromUtf8(source);
  } catch {
    return whole("is not UTF-8 text");
  }
  const deep = deepKey(file, text);
  if (deep) return refusal([deep]);
  try {
    data = parse(text, { maxDepth: limits.tomlDepth, unsafeKeyBehaviour: "throw" });
  } catch (error) {
    return refusal([syntaxProblem(file, error)]);
  }
  const checked = checkData(schema, data);
  if (!checked.ok) return tomlRefusal(text, file, checked.problems);
  const problems = options.check?.(checked.value) ?? [];
  return problems.length > 0 ? tomlRefusal(text, file, problems) : checked;
}
