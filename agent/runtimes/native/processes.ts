/** Processes of this machine, of /proc (proc(5)): who belongs to a run, what they use, and their end. */
import { nativeLimits } from "../../protocol/native_limits.ts";

/** One process. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  /** Together with the pid it names a process for ever: ticks since the machine started. */
  readonly startedAt: number;
  /** Its own processor time and that of children it has waited for. */
  readonly cpuMs: number;
  readonly rssBytes: number;
}

/** Clock ticks of a second and bytes of a page, on all that Realm is built for. */
const MS_PER_TICK = 10, PAGE_BYTES = 4096;

/** One process; `undefined` when there is none. */
export function processInfo(pid: number): ProcessInfo | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The second field, the name, is in parentheses and may contain anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const field = (number: number) => Number(fields[number - 3]);
    return {
      pid,
      state: fields[0],
      parent: field(4),
      startedAt: field(22),
      cpuMs: (field(14) + field(15) + field(16) + field(17)) * MS_PER_TICK,
      rssBytes: field(24) * PAGE_BYTES,
    };
  } catch {
    return undefined;
  }
}

/** Numbers of all processes. */
export function allProcesses(): readonly number[] {
  const pids: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) if (/^\d+$/.test(name)) pids.push(Number(name));
  return pids;
}

/** A process and everything below it. */
export function processTree(root: number): readonly ProcessInfo[] {
  const children = new Map<number, ProcessInfo[]>();
  let top: ProcessInfo | undefined;
  for (const pid of allProcesses()) {
    const info = processInfo(pid);
    if (!info) continue;
    if (pid === root) top = info;
    const siblings = children.get(info.parent);
    if (siblings) siblings.push(info);
    else children.set(info.parent, [info]);
  }
  const tree = top ? [top] : [];
  for (let i = 0; i < tree.length; i++) tree.push(...children.get(tree[i].pid) ?? []);
  return tree;
}

/** The real user of a process; `undefined` when it has gone. */
function userOf(pid: number): number | undefined {
  try {
    const match = /^Uid:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return match ? Number(match[1]) : undefined;
  } catch {
    return undefined;
  }
}

/** Processes of a user that have not ended. */
export const processesOf = (uid: number): readonly number[] =>
  allProcesses().filter((pid) => userOf(pid) === uid && !isOver(pid));

/** Whether a process has ended: gone, or waiting for its parent to notice. */
export function isOver(pid: number): boolean {
  const state = processInfo(pid)?.state;
  return state === undefined || state === "Z" || state === "X";
}

/** Processes in control groups. */
export function groupMembers(directories: readonly string[]): readonly number[] {
  const pids = new Set<number>();
  for (const directory of directories) {
    try {
      for (const line of Deno.readTextFileSync(`${directory}/cgroup.procs`).split("\n")) {
        if (line !== "") pids.add(Number(line));
      }
    } catch { /* it is gone */ }
  }
  return [...pids];
}

/** Sends a signal to those that are still there. */
export function signalAll(pids: Iterable<number>, signal: Deno.Signal): void {
  for (const pid of pids) {
    // Never this process or everything: 0 in a group's list is a process of another pid namespace.
    if (pid <= 1 || pid === Deno.pid) continue;
    try {
      Deno.kill(pid, signal);
    } catch { /* it is gone */ }
  }
}

/** What tells the processes of a run from all others. */
export interface Belonging {
  /** The process that the agent started, as long as it lives. */
  readonly root?: { readonly pid: number; readonly startedAt: number };
  /** User that the run has for itself. */
  readonly uid?: number;
  /** Its control groups. */
  readonly groups: readonly string[];
}

/**
 * Every process of a run that has not ended. No process leaves its control groups; only without them must all of the
 * machine's be looked at.
 */
export function processesOfRun({ root, uid, groups }: Belonging): readonly number[] {
  const pids = new Set(groupMembers(groups));
  if (uid !== undefined && groups.length === 0) { for (const pid of processesOf(uid)) pids.add(pid); }
  if (root && processInfo(root.pid)?.startedAt === root.startedAt) {
    for (const { pid, state } of processTree(root.pid)) if (state !== "Z") pids.add(pid);
  }
  return [...pids];
}

/**
 * Ends every process of a run, and those that they start meanwhile. Resolves when there are none; returns those that
 * would not end (a process in the kernel's hands).
 */
export async function endProcesses(belonging: Belonging): Promise<readonly number[]> {
  const until = performance.now() + nativeLimits.endMs;
  for (;;) {
    for (const directory of belonging.groups) {
      // Version 2 ends a whole group at once, however fast it grows.
      try {
        Deno.writeTextFileSync(`${directory}/cgroup.kill`, "1", { create: false });
      } catch { /* version 1 */ }
    }
    const left = processesOfRun(belonging);
    if (left.length === 0 || performance.now() > until) return left;
    signalAll(left, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, nativeLimits.endPollMs));
  }
}
