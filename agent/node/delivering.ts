/** What is told to somebody else by HTTP: tried again while that may help, given up when it cannot. */
import { RealmError } from "../protocol/mod.ts";
import { pause } from "./pause.ts";

/** Answers below 500 after which it may go well later. */
const PASSING = [408, 425, 429];

/**
 * Sends until it is taken; `waits`: ms before each further try. Resolves with why it could not be told, or with
 * `undefined` when it was, or `signal` was aborted. What is refused for good, and a `RealmError` of `send`, is not tried
 * again.
 */
export async function deliver(
  send: () => Promise<Response>,
  waits: readonly number[],
  signal: AbortSignal,
): Promise<string | undefined> {
  let why = "";
  for (const wait of [0, ...waits]) {
    if (wait > 0) await pause(wait, signal);
    if (signal.aborted) return undefined;
    try {
      const response = await send();
      await response.body?.cancel();
      if (response.ok) return undefined;
      why = `it answered ${response.status}`;
      if (response.status < 500 && !PASSING.includes(response.status)) return why;
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
      if (error instanceof RealmError) return why;
    }
  }
  return why;
}
