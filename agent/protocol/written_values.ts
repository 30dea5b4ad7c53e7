/**
 * Forms of single values as people write them in TOML, each with the words that say what was expected. The schemas of
 * jobs, packages and manifests are made of them.
 */
import * as v from "valibot";
import { limits } from "./limits.ts";
import { SECRET_NAME } from "./secret.ts";

/** Key that may be absent. The description is what the reference says. */
export const may = <S extends v.GenericSchema>(schema: S, text: string) =>
  v.optional(v.pipe(schema, v.description<v.InferOutput<S>, string>(text)));
/** Key that must be there. */
export const must = <S extends v.GenericSchema>(schema: S, text: string) =>
  v.pipe(schema, v.description<v.InferOutput<S>, string>(text));

/** A whole number in a range. */
export const whole = (min: number, max: number, unit = "") => {
  const what = `a whole number from ${min} to ${max}${unit}`;
  return v.pipe(v.number(what), v.integer(what), v.minValue(min, what), v.maxValue(max, what));
};
/** A number in a range. */
export const number = (min: number, max: number, unit = "") => {
  const what = `a number from ${min} to ${max}${unit}`;
  return v.pipe(v.number(what), v.finite(what), v.minValue(min, what), v.maxValue(max, what));
};
/** Text of a form; `what` says what is expected. */
export const pattern = (what: string, form: RegExp, max = 255) =>
  v.pipe(v.string(what), v.maxLength(max, what), v.regex(form, what));
/** Text that says something. */
export const text = (what: string, max: number) =>
  v.pipe(v.string(what), v.nonEmpty(what), v.maxLength(max, `text of at most ${max} characters`));
/** Text, also none. */
export const anyText = (max: number) =>
  v.pipe(v.string("text in quotes"), v.maxLength(max, `text of at most ${max} characters`));
/** A list of at most `max` entries. */
export const list = <S extends v.GenericSchema>(item: S, what: string, max: number) =>
  v.pipe(v.array(item, what), v.maxLength(max, `at most ${max} entries`));
/** Yes or no. */
export const flag = v.boolean("true or false");
/** One of some words. */
export const choice = <const T extends readonly string[]>(...options: T) =>
  v.picklist(options, options.map((o) => JSON.stringify(o)).join(", ").replace(/, ([^,]*)$/, " or $1"));

/** A DNS label in lower case: usable as host name, directory name and volume name. */
export const label = (what: string) =>
  pattern(
    `${what}: lower-case letters, digits and inner hyphens, at most 63`,
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    63,
  );
/** Absolute and normalised: no trailing slash, no `.` or `..`. */
export const GUEST_PATH = // deno-lint-ignore no-control-regex
  /^\/$|^(\/(?!\.{1,2}(\/|$))[^/\\\u0000-\u001f\u007f]+)+$/;
/** A path in a guest's file system. */
export const guestPath = (example: string) =>
  pattern(
    `an absolute, normalised path such as "${example}" (no trailing slash, no "." or "..")`,
    GUEST_PATH,
    limits.pathBytes,
  );
/** A tag to select nodes by. */
export const selectorTag = pattern(
  "a tag, or !tag to exclude",
  /^!?[A-Za-z0-9_.-]{1,63}(=[A-Za-z0-9_.-]{0,63})?$/,
  128,
);
/** A path on the machine of whoever wrote it. */
export const localPath = text("a path on this machine, relative to the manifest", 4_096);
/** The name of a secret. */
export const secretName = pattern("the name of a secret", SECRET_NAME, 128);
