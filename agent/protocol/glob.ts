/**
 * Patterns over names with `/` in them: branches, paths of files. `*` stands for anything within a part, `?` for one
 * character of it, `**` for anything at all, `**` and a `/` also for nothing. Every text is walked once, whatever the pattern.
 */

type Token = string | { readonly any: "one" | "part" | "all" | "parts" };

function tokensOf(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < pattern.length;) {
    const start = i === 0 || pattern[i - 1] === "/";
    if (pattern.startsWith("**/", i) && start) {
      tokens.push({ any: "parts" });
      i += 3;
    } else if (pattern.startsWith("**", i)) {
      tokens.push({ any: "all" });
      i += 2;
    } else {
      tokens.push(pattern[i] === "*" ? { any: "part" } : pattern[i] === "?" ? { any: "one" } : pattern[i]);
      i++;
    }
  }
  return tokens;
}

/** Whether a pattern means the whole text. */
export function matchesGlob(pattern: string, text: string): boolean {
  const tokens = tokensOf(pattern);
  /** Places in the pattern that the text read so far may stand at. */
  let at = new Set<number>();
  const enter = (to: Set<number>, place: number): void => {
    for (let p = place; !to.has(p); p++) {
      to.add(p);
      const token = tokens[p];
      // These may stand for nothing.
      if (typeof token !== "object" || token.any === "one") return;
    }
  };
  enter(at, 0);
  for (let i = 0; i < text.length && at.size > 0; i++) {
    const char = text[i];
    const next = new Set<number>();
    for (const p of at) {
      const token = tokens[p];
      if (token === undefined) continue;
      if (typeof token === "string") {
        if (token === char) enter(next, p + 1);
      } else if (token.any === "one") {
        if (char !== "/") enter(next, p + 1);
      } else if (token.any === "part") {
        if (char !== "/") enter(next, p);
      } else if (token.any === "all") enter(next, p);
      else {
        // Whole parts: what comes after them begins where a part does.
        next.add(p);
        if (char === "/") enter(next, p + 1);
      }
    }
    at = next;
  }
  return at.has(tokens.length);
}

/** Whether a list of patterns means the text: one of them does (or all exclude something), and none with `!` does. */
export function matchesGlobs(patterns: readonly string[], text: string): boolean {
  const wanted = patterns.filter((p) => !p.startsWith("!"));
  const excluded = patterns.filter((p) => p.startsWith("!")).map((p) => p.slice(1));
  return (wanted.length === 0 || wanted.some((p) => matchesGlob(p, text))) &&
    !excluded.some((p) => matchesGlob(p, text));
}
