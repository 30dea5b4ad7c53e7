/**
 * Hides values in what a program writes, before anything of it is stored: the value itself, and the forms in which
 * programs commonly print one (base64 at any offset, hex, percent-encoding, as a JSON or XML text). Works on streams: a
 * value that comes in pieces is found too, since what may become one is held back until it is known.
 */

/** What stands in place of a value. */
export const MASK = "***";
/** Shorter texts would be found everywhere. */
const MIN_CHARS = 4, MIN_LINE_CHARS = 6, MIN_ENCODED_CHARS = 6;
/** Widths at which programs wrap base64 (MIME, PEM). */
const WRAPS = [76, 64];

/** Pieces of base64 that stand for these bytes whatever comes before and after them. */
function base64Forms(bytes: Uint8Array): string[] {
  const forms: string[] = [];
  for (const offset of [0, 1, 2]) {
    const padded = new Uint8Array(offset + bytes.length);
    padded.set(bytes, offset);
    const text = padded.toBase64({ omitPadding: true });
    forms.push(text.slice(Math.ceil(offset * 8 / 6), Math.floor(padded.length * 8 / 6)));
  }
  for (const width of WRAPS) {
    if (forms[0].length > width) {
      for (let at = 0; at < forms[0].length; at += width) forms.push(forms[0].slice(at, at + width));
    }
  }
  return forms.flatMap((f) => [f, f.replaceAll("+", "-").replaceAll("/", "_")]);
}

/** The forms of a text. */
function textForms(text: string): string[] {
  const percent = encodeURIComponent(text);
  const xml = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return [
    text,
    percent,
    percent.replaceAll("%20", "+"),
    percent.replaceAll(/%[0-9A-F]{2}/g, (c) => c.toLowerCase()),
    JSON.stringify(text).slice(1, -1),
    xml,
    xml.replaceAll('"', "&quot;").replaceAll("'", "&#39;"),
    text.replaceAll("'", `'\\''`),
    text.replaceAll("\\", "\\\\"),
  ];
}

/** Every text that gives a value away. */
export function formsOf(value: Uint8Array): readonly string[] {
  const forms = new Set<string>();
  const encoded = [...base64Forms(value), value.toHex(), value.toHex().toUpperCase()];
  for (const form of encoded) if (form.length >= MIN_ENCODED_CHARS) forms.add(form);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    return [...forms];
  }
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const minimum = lines.length > 1 ? MIN_LINE_CHARS : MIN_CHARS;
  for (const line of lines) {
    for (const form of textForms(line)) if (form.length >= minimum) forms.add(form);
  }
  // A program that prints a value of lines in one line has it escaped.
  if (lines.length > 1) { for (const form of textForms(text).slice(1, 5)) forms.add(form.trim()); }
  return [...forms];
}

/** See the module's text. */
export class Masker {
  readonly #forms = new Set<string>();
  #sought: RegExp | undefined;

  /** Hides a value from now on. */
  add(value: Uint8Array): void {
    for (const form of formsOf(value)) this.#forms.add(form);
    // The longest first, so that a form within another never leaves the rest of that.
    const sorted = [...this.#forms].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
    this.#sought = new RegExp(
      sorted.map((f) => f.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"),
      "g",
    );
  }

  /** A whole text with nothing to come. */
  mask(text: string): string {
    return this.#sought ? text.replaceAll(this.#sought, MASK) : text;
  }

  /** A stream of text: `push` gives what is safe to show, `end` the rest; `held` is what may become a value. */
  stream(): { push(text: string): string; end(): string; held(): string } {
    let held = "";
    return {
      push: (text) => {
        if (!this.#sought) return text;
        const all = held + text;
        let shown = "", at = 0;
        let hold = this.#begins(all, 0);
        for (const { 0: { length }, index } of all.matchAll(this.#sought)) {
          // What begins there may become something longer.
          if (index >= hold) break;
          shown += all.slice(at, index) + MASK;
          at = index + length;
          if (at > hold) hold = this.#begins(all, at);
        }
        held = all.slice(hold);
        return shown + all.slice(at, hold);
      },
      held: () => held,
      end: () => {
        const rest = held;
        held = "";
        const masked = this.mask(rest);
        // A value that broke off: most of it is as bad as all of it.
        return masked === rest && rest.length >= MIN_CHARS ? MASK : masked;
      },
    };
  }

  /** From where on a text may be the beginning of a form that goes on in what comes next. */
  #begins(text: string, from: number): number {
    let first = text.length;
    for (const form of this.#forms) {
      let at = Math.max(from, text.length - form.length + 1);
      const head = form.slice(0, 4);
      for (; at < first; at++) {
        if (text.length - at >= head.length) {
          const next = text.indexOf(head, at);
          // Not there as a whole: what is left is shorter than the head.
          at = next >= 0 ? next : text.length - head.length + 1;
          if (at >= first) break;
        }
        if (form.startsWith(text.slice(at))) {
          first = at;
          break;
        }
      }
    }
    return first;
  }
}
