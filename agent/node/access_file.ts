/** The gateway's access log as a file: one line of JSON for each request, two files of bounded size at most. */
import type { AccessEntry } from "../gateway/mod.ts";
import type { Log } from "../ports.ts";
import { gatewayLimits, RealmError, utf8 } from "../protocol/mod.ts";

/** See the module's text. */
export interface AccessFile extends Disposable {
  /** Appends; what cannot be written is lost, and told once. */
  deliver(entries: readonly AccessEntry[], dropped: number): void;
}

/** Opens `path` to append; a file of `maxBytes` becomes `path.1`, in place of an older one. Throws `disk`. */
export function openAccessFile(
  path: string,
  log: Log,
  maxBytes: number = gatewayLimits.accessFileBytes,
): AccessFile {
  const open = () => {
    const file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    return { file, size: file.statSync().size };
  };
  let current: ReturnType<typeof open>, told = false, closed = false;
  try {
    current = open();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RealmError(
      "disk",
      `the access log ${path} cannot be written (${why}); name another file with --access-log`,
      { cause },
    );
  }
  function write(text: string): void {
    const bytes = utf8(text);
    if (current.size > 0 && current.size + bytes.length > maxBytes) {
      current.file.close();
      Deno.renameSync(path, `${path}.1`);
      current = open();
    }
    for (let at = 0; at < bytes.length;) at += current.file.writeSync(bytes.subarray(at));
    current.size += bytes.length;
  }
  return {
    deliver(entries, dropped) {
      if (closed) return;
      const lines: unknown[] = entries.map(({ at, ...entry }) => ({
        at: new Date(at).toISOString(),
        ...entry,
      }));
      if (dropped > 0) lines.push({ at: new Date().toISOString(), dropped });
      try {
        write(lines.map((line) => JSON.stringify(line) + "\n").join(""));
        told = false;
      } catch (error) {
        if (!told) log.warn("the access log cannot be written", { file: path, why: String(error) });
        told = true;
      }
    },
    [Symbol.dispose]() {
      if (!closed) current.file.close();
      closed = true;
    },
  };
}
