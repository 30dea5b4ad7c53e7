/** `--watch`: the same view again whenever it changes. */
import { flag, type Invocation } from "./invocation.ts";

/** How often a watched view is asked for anew. */
const EVERY_MS = 1_000;

/** Shows once, or with `--watch` again and again until Ctrl-C; a JSON line for each change with `--json`. */
export async function show<T>(
  i: Invocation,
  read: () => Promise<T>,
  view: (value: T) => string,
): Promise<void> {
  const json = flag(i, "json");
  if (!flag(i, "watch")) {
    const value = await read();
    return i.terminal.out(json ? JSON.stringify(value, null, 2) + "\n" : view(value));
  }
  let last = "";
  for (;;) {
    const value = await read();
    const shown = json ? JSON.stringify(value) + "\n" : view(value);
    if (shown !== last) i.terminal.out(i.terminal.live && !json ? `\x1b[H\x1b[2J${shown}` : shown);
    last = shown;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
