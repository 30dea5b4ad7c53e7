/** What can stand at a place of a manifest: tables, keys and values, from the schema that checks it. */
import { manifestKeys } from "../../../mod.ts";

/** One proposal. */
export interface Proposal {
  /** What is shown and put in. */
  readonly text: string;
  /** What it is or what is expected. */
  readonly hint: string;
}
/** Proposals, and from where to where the text is replaced. */
export interface Proposals {
  readonly from: number;
  readonly to: number;
  readonly all: readonly Proposal[];
}
/** Values that only the realm knows: node ids, key ids, digests. */
export type Known = (table: string, key: string) => readonly Proposal[];

const HEADER = /^\s*\[\[?\s*([A-Za-z0-9_.-]+)\s*\]?\]?/;

/** The table that a place is in, and the keys that it has already. */
function tableAt(text: string, at: number): { readonly path: readonly string[]; readonly used: Set<string> } {
  const lines = text.split("\n");
  const line = text.slice(0, at).split("\n").length - 1;
  let start = line;
  while (start >= 0 && !HEADER.test(lines[start])) start--;
  const used = new Set<string>();
  for (let i = start + 1; i < lines.length && !HEADER.test(lines[i]); i++) {
    const key = /^\s*([A-Za-z0-9_-]+)\s*=/.exec(lines[i]);
    if (key && i !== line) used.add(key[1]);
  }
  const path = start < 0 ? [] : HEADER.exec(lines[start])![1].split(".");
  return { path, used };
}

/** How well a word names a proposal, the best first: ids are chance, and may hold any short name somewhere. */
function rank({ text, hint }: Proposal, low: string): number {
  const [what, name] = [text.replace(/^"|"$/g, "").toLowerCase(), hint.toLowerCase()];
  return [what === low || name === low, what.startsWith(low), name.startsWith(low), name.includes(low), true]
    .indexOf(true);
}

const fits = (all: readonly Proposal[], word: string) => {
  const low = word.toLowerCase();
  return all.filter((p) => `${p.text} ${p.hint}`.toLowerCase().includes(low) && p.text !== word)
    .map((p) => ({ p, at: rank(p, low) })).toSorted((a, b) => a.at - b.at).slice(0, 40).map(({ p }) => p);
};

/** Proposals at a place; `asked`: also where nothing was typed yet. */
export function proposalsAt(text: string, at: number, known: Known, asked: boolean): Proposals | undefined {
  const begin = text.lastIndexOf("\n", at - 1) + 1;
  const line = text.slice(begin, at);
  if (/^[^"']*#/.test(line)) return undefined;
  const rest = /^[^\n]*/.exec(text.slice(at))![0];
  const { path, used } = tableAt(text, at);
  const header = /^\s*(\[\[?)([A-Za-z0-9_.-]*)$/.exec(line);
  if (header) {
    const close = header[1] === "[" ? "]" : "]]";
    const all = manifestKeys([]).filter((k) => k.table).map((k) => ({
      text: header[1] + k.key + close,
      hint: k.expects,
    }));
    const to = at + (/^[A-Za-z0-9_.-]*\]{0,2}/.exec(rest)![0].length);
    return { from: at - header[1].length - header[2].length, to, all: fits(all, header[1] + header[2]) };
  }
  const value = /^\s*([A-Za-z0-9_-]+)\s*=\s*("[^"]*|[A-Za-z0-9_.-]*)$/.exec(line);
  if (value) {
    const [, key, word] = value;
    const declared = manifestKeys(path).find((k) => k.key === key);
    const all = [
      ...known(path.join("."), key),
      // What is expected names every value: as a hint it would make each value fit each word.
      ...(declared?.values ?? []).map((text) => ({ text, hint: "" })),
    ];
    if (all.length === 0) return undefined;
    const from = at - word.length;
    const tail = word.startsWith('"')
      ? /^[^"]*"?/.exec(rest)![0].length
      : /^[A-Za-z0-9_.-]*/.exec(rest)![0].length;
    return { from, to: at + tail, all: fits(all, word === "" ? "" : word.replace(/^"/, "")) };
  }
  const word = /^(\s*)([A-Za-z0-9_-]*)$/.exec(line);
  if (!word || (word[2] === "" && !asked) || /\S/.test(rest)) return undefined;
  const keys = manifestKeys(path).filter((k) => !k.table && !used.has(k.key))
    .map((k) => ({ text: `${k.key} = `, hint: k.expects }));
  const tables = manifestKeys([]).filter((k) => k.table).map((k) => ({ text: `[${k.key}]`, hint: "table" }));
  return { from: at - word[2].length, to: at, all: fits([...keys, ...tables], word[2]) };
}
