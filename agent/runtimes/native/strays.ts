/**
 * Processes that let go of their run, on a machine where nothing else tells whose they are (no control groups, no user
 * per run, no pid namespace). This process takes them in as their parent's parent, knows them by the filter that they
 * cannot shed, and ends them: there, nothing of a run may live on by itself.
 */
import { nativeLimits } from "../../protocol/native_limits.ts";
import { allProcesses, processInfo, signalAll } from "./processes.ts";

const PR_SET_CHILD_SUBREAPER = 36, WNOHANG = 1;

/** Ends strays until disposed of. */
export interface Strays extends Disposable {
  /** Ends those that are there; resolves when they are gone. */
  sweep(): Promise<void>;
}

/** Begins. `libc`: path of the C library; `known`: processes that this process started itself. */
export function watchStrays(libc: string, known: () => ReadonlySet<number>): Strays {
  const library = Deno.dlopen(libc, {
    prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
    waitpid: { parameters: ["i32", "pointer", "i32"], result: "i32" },
  });
  library.symbols.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n);
  const own = filtersOf(Deno.pid) ?? 0;
  const find = () =>
    allProcesses().filter((pid) =>
      processInfo(pid)?.parent === Deno.pid && !known().has(pid) && (filtersOf(pid) ?? 0) > own
    );
  const end = () => {
    const strays = find();
    signalAll(strays, "SIGKILL");
    for (const pid of strays) library.symbols.waitpid(pid, null, WNOHANG);
    return strays.length;
  };
  const timer = setInterval(end, nativeLimits.watchMs);
  Deno.unrefTimer(timer);
  return {
    async sweep() {
      const until = performance.now() + nativeLimits.endMs;
      while (end() > 0 && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, nativeLimits.endPollMs));
      }
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      library.close();
    },
  };
}

/** Seccomp filters of a process: their number never falls, and children have their parent's. */
function filtersOf(pid: number): number | undefined {
  try {
    const match = /^Seccomp_filters:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return match ? Number(match[1]) : undefined;
  } catch {
    return undefined;
  }
}
