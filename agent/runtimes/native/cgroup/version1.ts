/** Control groups of version 1: one hierarchy per controller. */
import {
  type Controller,
  controllers,
  type Group,
  type GroupLimits,
  type Groups,
  type GroupUsage,
  type Hierarchy,
  lineOf,
  makeGroup,
  numberIn,
  readText,
  writeText,
} from "./cgroups.ts";

/** Period over which processor time is rationed, microseconds: the kernel's usual one. */
const PERIOD_US = 100_000;

/** The groups of version 1, or why there are none. */
export function createV1(all: readonly Hierarchy[]): Groups | string {
  const first = all.filter((h) => h.version === 1);
  if (first.length === 0) return "no control groups are mounted";
  const of = (controller: string) => first.find((h) => h.controllers.includes(controller));
  const probe = `realm-probe-${Deno.pid}`;
  const usable = (controller: string) => {
    const own = of(controller)?.own;
    if (own === undefined || !makeGroup(`${own}/${probe}`)) return false;
    Deno.removeSync(`${own}/${probe}`);
    return true;
  };
  const found = controllers.filter(usable);
  if (found.length === 0) return "the control groups of this machine are not ours to write (run as root)";
  const missing = controllers.filter((c) => !found.includes(c));
  const wanted: readonly string[] = [...found, ...(usable("cpuacct") ? ["cpuacct"] : [])];
  const parents = new Map(wanted.map((c) => [c, of(c)!.own]));
  return {
    version: "v1",
    controllers: found,
    missing: missing.length === 0 ? "" : `no control group for ${missing.join(", ")}`,
    directories: (name) => [...new Set([...parents.values()].map((parent) => `${parent}/${name}`))],
    create: (name, limits) => create(name, limits, parents, found),
  };
}

function create(
  name: string,
  limits: GroupLimits,
  parents: ReadonlyMap<string, string>,
  found: readonly Controller[],
): Group {
  const at = new Map<string, string>();
  for (const [controller, parent] of parents) {
    const directory = `${parent}/${name}`;
    Deno.mkdirSync(directory, { recursive: true });
    at.set(controller, directory);
  }
  const memory = at.get("memory"), cpu = at.get("cpu"), pids = at.get("pids"), accounts = at.get("cpuacct");
  if (found.includes("memory")) {
    writeText(`${memory}/memory.limit_in_bytes`, limits.memoryBytes);
    // Absent where swap is not accounted for.
    writeText(`${memory}/memory.memsw.limit_in_bytes`, limits.memoryBytes);
    writeText(`${memory}/memory.swappiness`, 0);
  }
  if (found.includes("cpu") && limits.cores !== undefined) {
    writeText(`${cpu}/cpu.cfs_period_us`, PERIOD_US);
    writeText(`${cpu}/cpu.cfs_quota_us`, Math.max(1_000, Math.round(limits.cores * PERIOD_US)));
  }
  if (found.includes("pids")) writeText(`${pids}/pids.max`, limits.processes);
  const directories = [...new Set(at.values())];
  return {
    directories,
    entrances: directories.map((d) => `${d}/cgroup.procs`),
    usage(): GroupUsage {
      const stat = memory && readText(`${memory}/memory.stat`);
      const nanoseconds = accounts && numberIn(`${accounts}/cpuacct.usage`);
      return {
        ...(nanoseconds === undefined ? {} : { cpuMs: Number(nanoseconds) / 1e6 }),
        ...(stat === undefined ? {} : {
          memoryBytes: lineOf(stat, "total_rss"),
          cacheBytes: lineOf(stat, "total_cache"),
          peakBytes: numberIn(`${memory}/memory.max_usage_in_bytes`),
        }),
        outOfMemory: lineOf(memory && readText(`${memory}/memory.oom_control`), "oom_kill") ?? 0,
        processesDenied: lineOf(pids && readText(`${pids}/pids.events`), "max") ?? 0,
      };
    },
  };
}
