/** Limits of one process (setrlimit(2)), made ready before they are set: afterwards memory may be scarce. */
import type { ProcessLimits } from "../order.ts";
import type { Libc } from "./libc.ts";

/** RLIMIT_… of Linux on amd64 and arm64. */
const FILE_BYTES = 1, DATA = 2, CORE = 4, PROCESSES = 6, OPEN_FILES = 7;

/** Returns what sets them. */
export function prepareLimits(libc: Libc, limits: ProcessLimits): () => void {
  const both = (value: number) => new Uint8Array(new BigUint64Array([BigInt(value), BigInt(value)]).buffer);
  const list: [string, number, Uint8Array<ArrayBuffer>][] = [["core", CORE, both(0)]];
  list.push(["open files", OPEN_FILES, both(limits.openFiles)]);
  if (limits.processes !== undefined) list.push(["processes", PROCESSES, both(limits.processes)]);
  if (limits.fileBytes !== undefined) list.push(["file size", FILE_BYTES, both(limits.fileBytes)]);
  // Last: the engine that runs this code dies when it may have no more memory.
  if (limits.dataBytes !== undefined) list.push(["data", DATA, both(limits.dataBytes)]);
  return () => {
    for (const [name, resource, value] of list) {
      // A login's own bound on descriptors may be lower, and is kept.
      if (libc.calls.setrlimit(resource, value) < 0 && resource !== OPEN_FILES) {
        libc.check(`limit of ${name}`, -1);
      }
    }
  };
}
