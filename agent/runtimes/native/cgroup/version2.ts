/**
 * Control groups of version 2: one hierarchy. A group with processes of its own cannot give controllers to groups below
 * it, so this process, and its supervisor, move into a leaf beside the groups of runs.
 */
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

const PERIOD_US = 100_000;
/** The leaf that this process moves to. */
const LEAF = "realm-agent";

/** The groups of version 2, or why there are none. */
export function createV2(hierarchy: Hierarchy): Groups | string {
  const parent = parentFor(hierarchy);
  if (typeof parent !== "object") return parent;
  const { directory } = parent;
  const enabled = () => (readText(`${directory}/cgroup.subtree_control`) ?? "").trim().split(" ");
  for (const controller of controllers) {
    if (!enabled().includes(controller)) writeText(`${directory}/cgroup.subtree_control`, `+${controller}`);
  }
  const found = controllers.filter((c) => enabled().includes(c));
  if (found.length === 0) return `${directory} has no controllers to give`;
  const missing = controllers.filter((c) => !found.includes(c));
  return {
    version: "v2",
    controllers: found,
    missing: missing.length === 0 ? "" : `${directory} does not give ${missing.join(", ")}`,
    directories: (name) => [`${directory}/${name}`],
    create: (name, limits) => create(`${directory}/${name}`, limits, found),
  };
}

/** The group under which those of runs are made. */
function parentFor({ own, mount }: Hierarchy): { readonly directory: string } | string {
  if (own.endsWith(`/${LEAF}`)) return { directory: own.slice(0, -LEAF.length - 1) };
  // The root of all groups may have processes and groups below it.
  if (own === mount && readText(`${own}/cgroup.type`) === undefined) return { directory: own };
  const leaf = `${own}/${LEAF}`;
  if (!makeGroup(leaf)) return `${own} is not ours to write (run as root or as a service with Delegate=yes)`;
  const ours = new Set([Deno.pid, Deno.ppid]);
  const present = (readText(`${own}/cgroup.procs`) ?? "").trim().split("\n").filter(Boolean).map(Number);
  if (present.some((pid) => !ours.has(pid))) {
    Deno.removeSync(leaf);
    return `${own} has processes of others in it (run Realm as a service)`;
  }
  for (const pid of present) {
    if (!writeText(`${leaf}/cgroup.procs`, pid)) return `${leaf} cannot be entered`;
  }
  return { directory: own };
}

function create(directory: string, limits: GroupLimits, found: readonly Controller[]): Group {
  Deno.mkdirSync(directory, { recursive: true });
  if (found.includes("memory")) {
    writeText(`${directory}/memory.max`, limits.memoryBytes);
    writeText(`${directory}/memory.swap.max`, 0);
    // A run ends as a whole: half of a build is no build.
    writeText(`${directory}/memory.oom.group`, 1);
  }
  if (found.includes("cpu") && limits.cores !== undefined) {
    writeText(
      `${directory}/cpu.max`,
      `${Math.max(1_000, Math.round(limits.cores * PERIOD_US))} ${PERIOD_US}`,
    );
  }
  if (found.includes("pids")) writeText(`${directory}/pids.max`, limits.processes);
  return {
    directories: [directory],
    entrances: [`${directory}/cgroup.procs`],
    usage(): GroupUsage {
      const stat = readText(`${directory}/memory.stat`);
      const microseconds = lineOf(readText(`${directory}/cpu.stat`), "usage_usec");
      return {
        ...(microseconds === undefined ? {} : { cpuMs: microseconds / 1e3 }),
        ...(stat === undefined ? {} : {
          memoryBytes: lineOf(stat, "anon"),
          cacheBytes: lineOf(stat, "file"),
          peakBytes: numberIn(`${directory}/memory.peak`),
        }),
        outOfMemory: lineOf(readText(`${directory}/memory.events`), "oom_kill") ?? 0,
        processesDenied: lineOf(readText(`${directory}/pids.events`), "max") ?? 0,
      };
    },
  };
}
