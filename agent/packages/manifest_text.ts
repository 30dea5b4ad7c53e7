/**
 * The canonical text of a package's manifest: the author's text as written (comments and all; only byte-order mark,
 * CRLF and trailing blank lines are normalised), the component's digest after its `wasm` line, and the inventory at
 * the end. Taking the generated parts off again gives the author's text, so making a package from an extracted
 * package gives the same digest.
 */
import { type PackageFile, packageNames, parsePackageManifest } from "../protocol/package_manifest.ts";
import { keyPositions } from "../protocol/toml_positions.ts";

const MARK = "# Inventory, written by `realm package create`; do not edit.";
const DIGEST_LINE = /^sha256 = "[0-9a-f]{64}" # written by `realm package create`$/;
const INVENTORY_LINES = [
  /^\[\[files\]\]$/,
  /^path = "[^"\\]*"$/,
  /^size = [0-9]+$/,
  /^sha256 = "[0-9a-f]{64}"$/,
  /^$/,
];

const trimEnd = (text: string) => text.replace(/[ \t\n]+$/, "") + "\n";

/** Takes the inventory off when the text ends with one in canonical form. */
function withoutInventory(lines: readonly string[]): readonly string[] {
  const mark = lines.lastIndexOf(MARK);
  if (mark < 0) return lines;
  const block = lines.slice(mark + 1);
  const canonical = block.every((line, i) => INVENTORY_LINES[i % INVENTORY_LINES.length].test(line));
  return canonical ? lines.slice(0, mark) : lines;
}

/** Index of the line of a key in `[component]`; -1 when it is not there. */
function componentLine(text: string, key: string): number {
  const found = keyPositions(text).find(["component", key]);
  return found.exact ? found.line - 1 : -1;
}

/** The author's part of a manifest's text. */
export function authorText(text: string): string {
  const plain = text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
  const lines = [...withoutInventory(plain.split("\n"))];
  const at = componentLine(lines.join("\n"), "sha256");
  if (at >= 0 && DIGEST_LINE.test(lines[at])) lines.splice(at, 1);
  return trimEnd(lines.join("\n"));
}

/** The author's text with the component's digest after its `wasm` line, where that line is a plain one. */
function withComponentDigest(author: string, files: readonly PackageFile[]): string {
  const parsed = parsePackageManifest(author, { inventory: "absent" });
  const component = parsed.ok ? parsed.value.component : undefined;
  const sha256 = files.find((f) => f.path === component?.wasm)?.sha256;
  const at = componentLine(author, "wasm");
  if (!sha256 || at < 0 || componentLine(author, "sha256") >= 0) return author;
  const lines = author.split("\n");
  if (!/^[ \t]*wasm[ \t]*=/.test(lines[at])) return author;
  lines.splice(at + 1, 0, `sha256 = "${sha256}" # written by \`realm package create\``);
  const text = lines.join("\n");
  // In an inline table over several lines a new line would break the text: then the inventory alone has the digest.
  const again = parsePackageManifest(text, { inventory: "absent" });
  return again.ok && again.value.component?.sha256 === sha256 ? text : author;
}

/** The canonical text of a manifest. `author` comes from {@link authorText}, `files` sorted by path. */
export function manifestText(author: string, files: readonly PackageFile[]): string {
  const tables = files.map((f) =>
    `[[files]]\npath = "${f.path}"\nsize = ${f.size}\nsha256 = "${f.sha256}"\n`
  );
  return `${withComponentDigest(author, files)}\n${MARK}\n${tables.join("\n")}`;
}

/** Name of the manifest within a directory, for messages. */
export const manifestPath = (directory: string): string => `${directory}/${packageNames.manifest}`;
