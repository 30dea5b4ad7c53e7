/**
 * Control groups (cgroups(7)): limits and accounting of a run's processes together, and the surest way to end them all.
 * Version 2, version 1 and machines that have both behind one interface. What a machine does not let us write is named,
 * and the run goes on with what there is.
 */
import { createV1 } from "./version1.ts";
import { createV2 } from "./version2.ts";

/** Limits of a run's processes together. */
export interface GroupLimits {
  readonly memoryBytes: number;
  /** Processor cores, fractions too; absent: no limit. */
  readonly cores?: number;
  readonly processes: number;
}

/** What a group's processes used. */
export interface GroupUsage {
  readonly cpuMs?: number;
  /** Memory that belongs to processes, now. */
  readonly memoryBytes?: number;
  /** Most memory so far, with cached files. */
  readonly peakBytes?: number;
  /** Cached files, now. */
  readonly cacheBytes?: number;
  /** Processes ended by the kernel for want of memory. */
  readonly outOfMemory: number;
  /** Times that no process could be started for want of places. */
  readonly processesDenied: number;
}

/** The group of one run. */
export interface Group {
  /** Its directories, one per hierarchy. */
  readonly directories: readonly string[];
  /** Files that a process writes `0` to, to enter. */
  readonly entrances: readonly string[];
  usage(): GroupUsage;
}

/** What this machine lets us do. */
export interface Groups {
  /** `v1`, `v2`, `none`. */
  readonly version: "v1" | "v2" | "none";
  /** Of `memory`, `cpu`, `pids`: those that are limited and counted. */
  readonly controllers: readonly Controller[];
  /** Why some are not; empty when nothing is missing. */
  readonly missing: string;
  /** Where a group of that name is, or will be. */
  directories(name: string): readonly string[];
  /** Makes a group; `name` must be new. */
  create(name: string, limits: GroupLimits): Group;
}

/** What a group can limit. */
export type Controller = "memory" | "cpu" | "pids";
/** All of them. */
export const controllers: readonly Controller[] = ["memory", "cpu", "pids"];

/** A mounted hierarchy, of /proc/self/mountinfo. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Controllers of version 1. */
  readonly controllers: readonly string[];
  /** This process's own group, as a directory. */
  readonly own: string;
  /** Where it is mounted. */
  readonly mount: string;
}

/** The hierarchies of this process. `proc`: where the files of this process are. */
export function hierarchies(proc = "/proc/self"): readonly Hierarchy[] {
  const lines = (path: string) => (readText(path) ?? "").split("\n").filter((l) => l !== "");
  const own = lines(`${proc}/cgroup`).map((line) => {
    const [, names, ...path] = line.split(":");
    return { names: names.split(","), path: path.join(":") };
  });
  return lines(`${proc}/mountinfo`).flatMap((line): Hierarchy[] => {
    const [left, right = ""] = line.split(" - ");
    const [, , , root, mount] = left.split(" ");
    const [type, , options = ""] = right.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") return [];
    const names = type === "cgroup" ? options.split(",") : [];
    const mine = own.find((o) =>
      type === "cgroup2" ? o.names[0] === "" : o.names.some((n) => names.includes(n))
    );
    if (!mine) return [];
    const below = root !== "/" && mine.path.startsWith(root) ? mine.path.slice(root.length) : mine.path;
    return [{
      version: type === "cgroup" ? 1 : 2,
      controllers: names,
      own: `${mount}${below === "/" ? "" : below}`,
      mount,
    }];
  });
}

/** Finds out what this machine lets us do. `all`: {@link hierarchies}. */
export function findGroups(all: readonly Hierarchy[] = hierarchies()): Groups {
  const second = all.find((h) => h.version === 2);
  const offered = second ? (readText(`${second.mount}/cgroup.controllers`) ?? "").trim().split(" ") : [];
  const wanted = controllers.filter((c) => offered.includes(c));
  // A machine with both has its controllers in version 1.
  const groups = second && wanted.length > 0 ? createV2(second) : createV1(all);
  if (typeof groups !== "string") return groups;
  return {
    version: "none",
    controllers: [],
    missing: groups,
    directories: () => [],
    create: () => ({
      directories: [],
      entrances: [],
      usage: () => ({ outOfMemory: 0, processesDenied: 0 }),
    }),
  };
}

/** A small file's text; `undefined` when it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

/** Writes to a file of the kernel; whether it took it. */
export function writeText(path: string, value: string | number): boolean {
  try {
    Deno.writeTextFileSync(path, String(value), { create: false });
    return true;
  } catch {
    return false;
  }
}

/** Makes a directory that may be there; whether it is. */
export function makeGroup(path: string): boolean {
  try {
    Deno.mkdirSync(path);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.AlreadyExists;
  }
}

/** Value of a line `key value` of a kernel's file. */
export function lineOf(text: string | undefined, key: string): number | undefined {
  const match = new RegExp(`^${key} (\\d+)`, "m").exec(text ?? "");
  return match ? Number(match[1]) : undefined;
}

/** A file with one number. */
export function numberIn(path: string): number | undefined {
  const value = Number(readText(path) ?? NaN);
  return Number.isFinite(value) ? value : undefined;
}
