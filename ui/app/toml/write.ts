/** Values as TOML. */

const BARE = /^[A-Za-z0-9_-]+$/;
/** A key as it stands before `=`. */
export const tomlKey = (key: string): string => BARE.test(key) ? key : tomlValue(key);

/** A value on one line; tables and lists in it too. */
export function tomlValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, v]) => `${tomlKey(key)} = ${tomlValue(v)}`);
    return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  }
  // Every string of JSON is one of TOML, but for DEL.
  return typeof value === "string" ? JSON.stringify(value).replaceAll("\x7f", "\\u007f") : String(value);
}

const isTable = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The lines of a table below its header: lists of tables with one table a line. */
export const tomlLines = (table: Readonly<Record<string, unknown>>): string =>
  Object.entries(table).map(([key, value]) =>
    Array.isArray(value) && value.length > 0 && value.every(isTable)
      ? `${tomlKey(key)} = [\n${value.map((v) => `  ${tomlValue(v)},\n`).join("")}]\n`
      : `${tomlKey(key)} = ${tomlValue(value)}\n`
  ).join("");
