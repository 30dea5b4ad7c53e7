/** Figures of the machine and of this process, cheap enough to be read every few seconds. */
import process from "node:process";

/** One look; processor times are totals, to be subtracted from the look before. */
export interface MachineLook {
  /** Processor time of all cores in use and in all, in the machine's own ticks; absent where it cannot be told. */
  readonly cpu?: { readonly busy: number; readonly total: number };
  /** Memory in use, bytes. */
  readonly memoryBytes: number;
  /** Processor time of this process, milliseconds. */
  readonly ownCpuMs: number;
  /** Resident memory of this process, bytes. */
  readonly ownMemoryBytes: number;
}

/** Reads them. */
export function lookAtMachine(): MachineLook {
  const { total, available } = Deno.systemMemoryInfo();
  const { user, system } = process.cpuUsage();
  return {
    ...cpuTimes(),
    memoryBytes: total - available,
    ownCpuMs: (user + system) / 1_000,
    ownMemoryBytes: Deno.memoryUsage().rss,
  };
}

/** Linux tells in one line; elsewhere the question costs milliseconds per core and is left out. */
function cpuTimes(): Pick<MachineLook, "cpu"> {
  if (Deno.build.os !== "linux") return {};
  try {
    const line = Deno.readTextFileSync("/proc/stat").split("\n", 1)[0];
    const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
    const total = ticks.reduce((n, t) => n + t, 0);
    // Fields 4 and 5 are idle and waiting for disks.
    return { cpu: { busy: total - ticks[3] - ticks[4], total } };
  } catch {
    return {};
  }
}
