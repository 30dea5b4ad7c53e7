/** Memory and processor time of a process, where the system tells. */

/** Figures of one process. */
export interface Usage {
  readonly rssBytes: number;
  readonly cpuMs: number;
}

/** Linux: bytes of a page and clock ticks of a second on every architecture that Realm is built for. */
const PAGE_BYTES = 4096;
const MS_PER_TICK = 10;

/** Reads `/proc/PID/stat` (proc(5)): fields 14 and 15 are ticks in user and system mode, 24 resident pages. */
export function readUsage(pid: number): Usage | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The second field, the name, is in parentheses and may contain anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const field = (number: number) => Number(fields[number - 3]);
    return { rssBytes: field(24) * PAGE_BYTES, cpuMs: (field(14) + field(15)) * MS_PER_TICK };
  } catch {
    return undefined;
  }
}
