/** Colours that programs write for terminals, as classes; every other control sequence is left out. */

/** A piece of a line in one look. */
export interface Piece {
  readonly text: string;
  /** Class, empty for plain text. */
  readonly look: string;
}

// deno-lint-ignore no-control-regex
const SEQUENCE = /\x1b(?:\[([0-9;]*)([A-Za-z])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g;
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g;
const COLOURS = ["muted", "bad", "good", "warn", "blue", "violet", "cyan", ""];

/** What `codes` of a colour sequence make of a look. */
function looked(look: { colour: string; bold: boolean }, codes: string): void {
  const list = codes === "" ? [0] : codes.split(";").map(Number);
  for (let i = 0; i < list.length; i++) {
    const code = list[i];
    if (code === 0) [look.colour, look.bold] = ["", false];
    else if (code === 1) look.bold = true;
    else if (code === 2) look.colour = "muted";
    else if (code === 22) look.bold = false;
    else if (code === 39) look.colour = "";
    else if (code >= 30 && code <= 37) look.colour = COLOURS[code - 30];
    else if (code >= 90 && code <= 97) look.colour = COLOURS[code - 90];
    // Palettes and true colours would not be legible on every background.
    else if (code === 38 || code === 48) i += list[i + 1] === 5 ? 2 : 4;
  }
}

/** A line of a log as pieces. */
export function pieces(text: string): readonly Piece[] {
  if (!text.includes("\x1b")) return [{ text: text.replace(CONTROL, ""), look: "" }];
  const found: Piece[] = [], look = { colour: "", bold: false };
  let last = 0;
  const add = (end: number) => {
    const part = text.slice(last, end).replace(CONTROL, "");
    if (part) {
      found.push({
        text: part,
        look: [look.colour && `c-${look.colour}`, look.bold && "c-bold"].filter(Boolean).join(" "),
      });
    }
  };
  for (const match of text.matchAll(SEQUENCE)) {
    add(match.index);
    last = match.index + match[0].length;
    if (match[2] === "m") looked(look, match[1]);
  }
  add(text.length);
  return found;
}
