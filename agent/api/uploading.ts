/** Sending content to a node so that it gets there: after an interruption it goes on where the node stands. */
import { RealmError } from "../protocol/errors.ts";
import type { Digest } from "../protocol/identity.ts";
import { apiLimits, limits } from "../protocol/limits.ts";
import type { UploadedView, UploadStateView } from "../protocol/storage_views.ts";

/** Content that can be read again from any byte on. */
export interface UploadSource {
  /** Bytes of the whole. */
  readonly size: number;
  /** The content from byte `offset` on. */
  from(offset: number): ReadableStream<Uint8Array> | Blob;
}

/** What an upload tells, and what ends it. */
export interface UploadOptions {
  /** Told that the connection broke or the node stopped, and how many bytes it has: the upload tries to go on. */
  readonly onInterrupted?: (at: { readonly offset: number; readonly size: number }) => void;
  /** Gives it up; what the node has stays there for a day. */
  readonly signal?: AbortSignal;
}

/** How an upload reaches the node. */
export interface UploadDoor {
  /** `offset` absent: the whole content, of which nothing is kept when it breaks off. */
  put(body: BodyInit, offset: number | undefined): Promise<UploadedView>;
  state(): Promise<UploadStateView>;
  /** Whether the node has ever answered: one that never did is not waited for. */
  answered(): boolean;
}

const FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 2_000;
/** What may be over when it is tried again. */
const passing = ["unreachable", "unavailable", "conflict", "rate_limited", "timed_out"];

/** Content in memory or a file as a source. */
export const sourceOf = (content: Uint8Array | Blob): UploadSource => {
  const blob = content instanceof Blob ? content : new Blob([Uint8Array.from(content)]);
  return { size: blob.size, from: (offset) => offset === 0 ? blob : blob.slice(offset) };
};

/** Uploads `source`, however often it is interrupted, as long as it gets on within `apiLimits.uploadPatienceMs`. */
export async function upload(
  door: UploadDoor,
  digest: Digest,
  source: UploadSource,
  { onInterrupted, signal }: UploadOptions,
): Promise<UploadedView> {
  const { size } = source, whole = size <= limits.blobInlineBytes;
  let reached = -1, until = 0, pauseMs = FIRST_PAUSE_MS, first = true;
  for (;;) {
    signal?.throwIfAborted();
    let sending = false;
    const content = noting(source, signal);
    try {
      const state = whole ? undefined : await door.state();
      if (state?.whole) return { digest, size };
      if (first || (state && state.offset > reached)) {
        reached = state?.offset ?? 0;
        until = performance.now() + apiLimits.uploadPatienceMs;
        pauseMs = FIRST_PAUSE_MS;
      }
      if (!first) onInterrupted?.({ offset: reached, size });
      const rest = content.from(state?.offset ?? 0);
      // A small one is sent from memory, so that it can be sent again at once when the session has ended.
      const body = whole ? await new Response(rest).blob() : rest;
      sending = true;
      return await door.put(body, state?.offset);
    } catch (error) {
      // A file that cannot be read is no fault of the connection.
      if (content.failure) throw content.failure.error;
      if (!mayPass(error, sending) || !door.answered()) throw error;
      if (first && until === 0) until = performance.now() + apiLimits.uploadPatienceMs;
      if (performance.now() > until) throw gaveUp(error as RealmError, Math.max(0, reached), size);
    } finally {
      await content.end();
    }
    first = false;
    await pause(pauseMs, signal);
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
  }
}

/** A session ends with the agent: only when the content was on its way is a new one worth a try. */
const mayPass = (error: unknown, sending: boolean): boolean =>
  error instanceof RealmError &&
  (passing.includes(error.code) || (sending && error.code === "unauthenticated"));

const gaveUp = (error: RealmError, offset: number, size: number): RealmError =>
  new RealmError(
    error.code,
    `the upload stands at ${offset} of ${size} bytes and does not go on (${error.message}); ` +
      "repeat it within a day and it goes on from there",
    { cause: error },
  );

/** Hands the source out and notes when reading it fails. */
function noting(source: UploadSource, signal: AbortSignal | undefined) {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const out = {
    failure: undefined as { readonly error: unknown } | undefined,
    from(offset: number): ReadableStream<Uint8Array> | Blob {
      const content = source.from(offset);
      if (content instanceof Blob) return content;
      const from = reader = content.getReader();
      return new ReadableStream({
        async pull(controller) {
          try {
            signal?.throwIfAborted();
            const { done, value } = await from.read();
            if (done) controller.close();
            else controller.enqueue(value);
          } catch (error) {
            out.failure = { error };
            controller.error(error);
          }
        },
      }, { highWaterMark: 0 });
    },
    end: async () => await reader?.cancel().catch(() => {}),
  };
  return out;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
