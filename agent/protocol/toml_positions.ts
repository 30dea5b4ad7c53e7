/**
 * Where keys stand in a TOML text. The parser gives positions of syntax errors only; problems of meaning need the
 * line of a key. The scan trusts that the text is valid TOML (the parser has accepted it) and never throws: on
 * anything unexpected it stops, and later keys are then placed at the nearest table that was seen.
 */
import { parse } from "smol-toml";

/** A path of keys and list indices from the root. */
export type KeyPath = readonly (string | number)[];

/** Line and column, both from 1; columns count UTF-16 code units. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

interface Place {
  /** Offset in the text; -1 when only deeper keys were seen. */
  at: number;
  /** Whether {@link at} is a definition by header or key, not merely a step on the way to one. */
  defined: boolean;
  /** Elements of an array of tables so far. */
  tables: number;
  readonly children: Map<string | number, Place>;
}

const newPlace = (at: number): Place => ({ at, defined: false, tables: 0, children: new Map() });

function child(place: Place, key: string | number, at: number): Place {
  let next = place.children.get(key);
  if (!next) place.children.set(key, next = newPlace(at));
  return next;
}

/** A scanner over one text: the cursor and what moves it. */
interface Cursor {
  readonly text: string;
  at: number;
}

class Unexpected extends Error {}

function skipBlank(c: Cursor, lines: boolean): void {
  for (; c.at < c.text.length; c.at++) {
    const ch = c.text[c.at];
    if (ch === " " || ch === "\t") continue;
    if (lines && (ch === "\n" || ch === "\r")) continue;
    if (lines && ch === "#") {
      const end = c.text.indexOf("\n", c.at);
      c.at = end < 0 ? c.text.length : end;
      if (end < 0) return;
      continue;
    }
    return;
  }
}

function skipString(c: Cursor): void {
  const quote = c.text[c.at];
  const long = c.text.startsWith(quote.repeat(3), c.at);
  const escapes = quote === '"';
  c.at += long ? 3 : 1;
  for (; c.at < c.text.length; c.at++) {
    const ch = c.text[c.at];
    if (ch === "\\" && escapes) c.at++;
    else if (ch === quote && !long) return void c.at++;
    else if (ch === quote && c.text.startsWith(quote.repeat(3), c.at)) {
      c.at += 3;
      // A long string may end with one or two quotes of its own before the closing three.
      for (let extra = 0; extra < 2 && c.text[c.at] === quote; extra++) c.at++;
      return;
    }
  }
  throw new Unexpected();
}

function readSimpleKey(c: Cursor): string {
  const start = c.at;
  const ch = c.text[c.at];
  if (ch === '"' || ch === "'") {
    skipString(c);
    return String(parse(`k = ${c.text.slice(start, c.at)}`).k);
  }
  while (c.at < c.text.length && /[A-Za-z0-9_-]/.test(c.text[c.at])) c.at++;
  if (c.at === start) throw new Unexpected();
  return c.text.slice(start, c.at);
}

/** Reads a dotted key; gives each part with its offset. */
function readKey(c: Cursor): { key: string; at: number }[] {
  const parts: { key: string; at: number }[] = [];
  for (;;) {
    skipBlank(c, false);
    const at = c.at;
    parts.push({ key: readSimpleKey(c), at });
    skipBlank(c, false);
    if (c.text[c.at] !== ".") return parts;
    c.at++;
  }
}

function expect(c: Cursor, what: string): void {
  if (!c.text.startsWith(what, c.at)) throw new Unexpected();
  c.at += what.length;
}

/** Reads `key = value` into `table`. */
function readPair(c: Cursor, table: Place): void {
  let place = table;
  for (const part of readKey(c)) place = child(place, part.key, part.at);
  expect(c, "=");
  skipBlank(c, false);
  readValue(c, place);
}

function readValue(c: Cursor, place: Place): void {
  const ch = c.text[c.at];
  if (ch === '"' || ch === "'") return skipString(c);
  if (ch === "[") return readList(c, place);
  if (ch === "{") return readInlineTable(c, place);
  while (c.at < c.text.length && !/[,\]}\n#]/.test(c.text[c.at])) c.at++;
}

function readList(c: Cursor, place: Place): void {
  expect(c, "[");
  for (let index = 0;; index++) {
    skipBlank(c, true);
    if (c.text[c.at] === "]") return void c.at++;
    readValue(c, child(place, index, c.at));
    skipBlank(c, true);
    if (c.text[c.at] === ",") c.at++;
    else return expect(c, "]");
  }
}

function readInlineTable(c: Cursor, place: Place): void {
  expect(c, "{");
  for (;;) {
    skipBlank(c, true);
    if (c.text[c.at] === "}") return void c.at++;
    readPair(c, place);
    skipBlank(c, true);
    if (c.text[c.at] === ",") c.at++;
    else return expect(c, "}");
  }
}

/** Reads `[a.b]` or `[[a.b]]`; gives the table that the following pairs belong to. */
function readHeader(c: Cursor, root: Place): Place {
  const start = c.at;
  const list = c.text.startsWith("[[", c.at);
  c.at += list ? 2 : 1;
  const parts = readKey(c);
  expect(c, list ? "]]" : "]");
  let place = root;
  parts.forEach((part, i) => {
    place = child(place, part.key, part.at);
    const last = i === parts.length - 1;
    if (last && list) {
      place = child(place, place.tables++, start);
    } else if (place.tables > 0) {
      place = child(place, place.tables - 1, part.at);
    }
    if (last && !place.defined) {
      place.defined = true;
      place.at = start;
    }
  });
  return place;
}

function scan(text: string, root: Place): void {
  const c: Cursor = { text, at: text.startsWith("\ufeff") ? 1 : 0 };
  let table = root;
  for (;;) {
    skipBlank(c, true);
    if (c.at >= text.length) return;
    if (text[c.at] === "[") table = readHeader(c, root);
    else readPair(c, table);
  }
}

/** Finds keys in a TOML text; see {@link keyPositions}. */
export interface KeyPositions {
  /**
   * Where the key at `path` is defined; when it is not there, where its nearest table is. `exact` tells which.
   * The root is line 1, column 1.
   */
  find(path: KeyPath): TextPosition & { readonly exact: boolean };
}

/** Scans a valid TOML text once; positions are then looked up in it. Time and memory grow with the text's length. */
export function keyPositions(text: string): KeyPositions {
  const root = newPlace(0);
  try {
    scan(text, root);
  } catch {
    // Not what the parser accepted: keys after this point get the position of their table.
  }
  const positionAt = lineFinder(text);
  return {
    find(path) {
      let place = root, exact = true;
      for (const key of path) {
        const next = place.children.get(key);
        if (!next) {
          exact = false;
          break;
        }
        place = next;
      }
      return { ...positionAt(place.at), exact };
    },
  };
}

/** Finds lines by offset: one pass over the text, then a binary search each. */
function lineFinder(text: string): (offset: number) => TextPosition {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0, high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - starts[low] + 1 };
  };
}
