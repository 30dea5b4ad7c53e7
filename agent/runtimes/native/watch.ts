/** Keeps the limits that the kernel does not keep for us, and tells what a run uses. */
import { nativeLimits } from "../../protocol/native_limits.ts";
import type { Group } from "./cgroup/cgroups.ts";
import { type Belonging, processesOfRun, processInfo } from "./processes.ts";

/** What a run used. */
export interface Usage {
  readonly memoryBytes: number;
  readonly peakBytes: number;
  readonly cpuMs: number;
}

/** A limit that was passed. */
export type Passed = "memory" | "disk";

/** What is watched. */
export interface WatchOptions {
  readonly group: Group;
  readonly belonging: () => Belonging;
  readonly root: string;
  /** Absent: the kernel keeps it. */
  readonly memoryBytes?: number;
  readonly diskBytes: number;
  readonly onPassed: (what: Passed, bytes: number) => void;
}

/** Watches from {@link Watch.begin} to {@link Watch.stop}. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #cpu = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #disk: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #memory = 0;
  #sampled = 0;
  #cpuMs = 0;
  #launcherMs = 0;

  /** Not begun yet. */
  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** The launcher has become the program: what it used itself, `launcherMs`, does not count. */
  begin(launcherMs: number): void {
    if (this.#stopped) return;
    this.#launcherMs = launcherMs;
    this.#lookAgain(nativeLimits.firstWatchMs);
    this.#disk = setTimeout(() => void this.#lookAtDisk(), nativeLimits.diskWatchMs);
  }

  /** Up to now. The control group's word counts where there is one. */
  usage(): Usage {
    const { cpuMs, peakBytes, cacheBytes, memoryBytes } = this.#options.group.usage();
    // What the kernel calls the peak holds cached files too, which are nobody's need.
    const counted = peakBytes === undefined ? 0 : Math.max(0, peakBytes - (cacheBytes ?? 0));
    return {
      memoryBytes: memoryBytes ?? this.#memory,
      peakBytes: Math.max(this.#sampled, counted),
      cpuMs: cpuMs ?? Math.max(0, this.#cpuMs - this.#launcherMs),
    };
  }

  /** Ends it; figures stay. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#disk);
  }

  /** Often at first: many runs are short. */
  #lookAgain(afterMs: number): void {
    this.#timer = setTimeout(() => {
      this.#look();
      if (!this.#stopped) this.#lookAgain(Math.min(nativeLimits.watchMs, afterMs * 2));
    }, afterMs);
  }

  #look(): void {
    const { group, memoryBytes: limit } = this.#options;
    const { memoryBytes, cpuMs } = group.usage();
    this.#memory = memoryBytes ?? 0;
    if (memoryBytes === undefined || cpuMs === undefined) this.#lookAtProcesses(memoryBytes === undefined);
    this.#sampled = Math.max(this.#sampled, this.#memory);
    if (limit !== undefined && this.#memory > limit) this.#options.onPassed("memory", this.#memory);
  }

  /** Processes that have ended count with what was last seen of them. */
  #lookAtProcesses(memory: boolean): void {
    let rss = 0;
    for (const pid of processesOfRun(this.#options.belonging())) {
      const info = processInfo(pid);
      if (!info) continue;
      rss += info.rssBytes;
      this.#cpu.set(`${pid}/${info.startedAt}`, info.cpuMs);
    }
    if (memory) this.#memory = rss;
    // A parent's figure includes the children that it has waited for: the largest alone is never too much.
    const figures = [...this.#cpu.values()];
    this.#cpuMs = figures.length === 0 ? 0 : Math.max(...figures);
  }

  async #lookAtDisk(): Promise<void> {
    const { root, diskBytes, onPassed } = this.#options;
    const started = performance.now();
    const bytes = await treeBytes(root, diskBytes).catch(() => 0);
    if (this.#stopped) return;
    if (bytes > diskBytes) return onPassed("disk", bytes);
    const took = performance.now() - started;
    const pause = Math.max(nativeLimits.diskWatchMs, took / nativeLimits.diskWatchShare);
    this.#disk = setTimeout(() => void this.#lookAtDisk(), pause);
  }
}

/** Space that a tree takes; stops counting beyond `enough`. Links are not followed. */
export async function treeBytes(path: string, enough: number): Promise<number> {
  let bytes = 0;
  const walk = async (directory: string): Promise<void> => {
    let entries: Deno.DirEntry[];
    try {
      entries = await Array.fromAsync(Deno.readDir(directory));
    } catch {
      return; // it went while we looked
    }
    for (const { name } of entries) {
      if (bytes > enough) return;
      const at = `${directory}/${name}`;
      const info = await Deno.lstat(at).catch(() => undefined);
      if (!info) continue;
      // What is written, not what a file with holes pretends.
      bytes += info.blocks === null ? info.size : info.blocks * 512;
      if (info.isDirectory) await walk(at);
      else bytes += nativeLimits.diskEntryBytes;
    }
  };
  await walk(path);
  return bytes;
}
