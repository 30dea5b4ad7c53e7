/** Lists of words on one line, as a command line is written. */

/** Words by spaces; in quotes a word may hold spaces, and `\` takes the next character as it is. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const match of text.matchAll(/(?:"(?:\\.|[^"\\])*"?|'[^']*'?|\\.|[^\s"'\\]|\\$)+/g)) {
    words.push(
      match[0].replaceAll(
        /"((?:\\.|[^"\\])*)"?|'([^']*)'?|\\(.?)/g,
        (_, double?: string, single?: string, one?: string) =>
          double?.replaceAll(/\\(.)/g, "$1") ?? single ?? one ?? "",
      ),
    );
  }
  return words;
}

/** The line of which {@link wordsOf} makes these words. */
export const lineOf = (words: readonly unknown[]): string =>
  words.map(String).map((word) =>
    word !== "" && !/[\s"'\\]/.test(word) ? word : `"${word.replaceAll(/(["\\])/g, "\\$1")}"`
  ).join(" ");
