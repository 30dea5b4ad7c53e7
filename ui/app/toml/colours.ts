/** TOML in colours: the text cut into pieces, each with what it is. Never fails; what it does not know is plain. */

/** What a piece is. */
export type Kind = "plain" | "comment" | "header" | "key" | "string" | "number" | "word" | "sign";
/** A piece of a text. */
export interface Piece {
  readonly kind: Kind;
  readonly text: string;
}

const AT = {
  blank: /[ \t\r\n]+/y,
  comment: /#[^\n]*/y,
  header: /\[\[?[^\]\n#]*\]?\]?/y,
  long: /"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)/y,
  text: /"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?/y,
  number: /[+-]?(?:\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?|0x[\da-fA-F_]+|inf|nan)(?![\w-])/y,
  date: /\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?/y,
  word: /[A-Za-z0-9_-]+/y,
  mark: /[=,.[\]{}]/y,
} as const;

/** Cuts a text into pieces; put together again they are the text. */
export function piecesOf(text: string): readonly Piece[] {
  const out: Piece[] = [];
  let at = 0, lineStart = true, value = false, depth = 0;
  const take = (pattern: RegExp, kind: Kind): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found || found[0] === "") return false;
    out.push({ kind, text: found[0] });
    at += found[0].length;
    return true;
  };
  while (at < text.length) {
    const before = at;
    if (take(AT.blank, "plain")) {
      if (text.slice(before, at).includes("\n")) {
        lineStart = true;
        if (depth === 0) value = false;
      }
      continue;
    }
    if (take(AT.comment, "comment")) continue;
    if (lineStart && !value && depth === 0 && take(AT.header, "header")) continue;
    lineStart = false;
    if (take(AT.long, "string") || take(AT.text, value ? "string" : "key")) continue;
    if (value && (take(AT.date, "number") || take(AT.number, "number"))) continue;
    if (take(AT.word, value ? "word" : "key")) continue;
    if (take(AT.mark, "sign")) {
      const mark = text[before];
      if (mark === "=") value = true;
      else if (mark === "[" || mark === "{") depth++;
      else if (mark === "]" || mark === "}") depth = Math.max(0, depth - 1);
      // In an inline table a key comes next.
      if (mark === "{") value = false;
      continue;
    }
    out.push({ kind: "plain", text: text[at++] });
  }
  return out;
}
