/** One agent per data directory: two would write one database and speak with one key. */
import { RealmError } from "../protocol/errors.ts";

/** An agent that was killed a moment ago may still be ending. */
const WAIT_MS = 5_000;
const RETRY_MS = 50;

/**
 * Takes the lock of a data directory until disposed; the system frees it when the process ends, however it ends. Throws
 * `conflict` when another process keeps it, `disk` or `no_space` when the directory cannot be written.
 */
export async function lockDirectory(directory: string, waitMs: number = WAIT_MS): Promise<Disposable> {
  let file: Deno.FsFile;
  try {
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    file = await Deno.open(`${directory}/lock`, { create: true, write: true, mode: 0o600 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const full = /os error (28|122)\b/.test(why);
    throw new RealmError(
      full ? "no_space" : "disk",
      full
        ? `${directory} cannot be written: the disk is full; free some space`
        : `${directory} cannot be written (${why}); make it a directory that this user may write, or use another --data-dir`,
      { cause },
    );
  }
  for (const end = performance.now() + waitMs; !await file.tryLock(true);) {
    if (performance.now() >= end) {
      file.close();
      throw new RealmError(
        "conflict",
        `another agent runs in ${directory}; stop that one first, or use another --data-dir`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  return { [Symbol.dispose]: () => file.close() };
}
