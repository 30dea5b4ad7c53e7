/** Reads a stream of JSON lines as the API writes them. */
import { RealmError } from "../protocol/errors.ts";
import { apiLimits } from "../protocol/limits.ts";
import type { ProblemView } from "../protocol/views.ts";

/** Values of a body of JSON lines; a line `{"problem": …}` is thrown. Ends quietly when `signal` aborts. */
export async function* readLines<T>(
  body: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncIterable<T> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal?.addEventListener("abort", cancel, { once: true });
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n");
      rest = parts.pop()!;
      for (const part of parts) if (part !== "") yield valueOf<T>(part);
      if (rest.length > apiLimits.streamLineBytes) {
        throw new RealmError("failed", "the node sent a line that is too long");
      }
    }
  } catch (cause) {
    if (signal?.aborted) return;
    if (cause instanceof RealmError) throw cause;
    throw new RealmError("unreachable", "the connection to the node broke; try again", { cause });
  } finally {
    signal?.removeEventListener("abort", cancel);
    cancel();
  }
}

function valueOf<T>(line: string): T {
  const value = JSON.parse(line) as { problem?: ProblemView };
  if (value?.problem) throw new RealmError(value.problem.code, value.problem.detail);
  return value as T;
}
