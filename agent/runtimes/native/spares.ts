/**
 * Launchers that wait for an order: to start one takes most of the time that a short run has. One is kept per command
 * line after its first use, and ends when it was not needed for a while, or when this process does.
 */
import { nativeLimits } from "../../protocol/native_limits.ts";
import type { LauncherCommand } from "./launch_command.ts";

/** A waiting launcher. */
interface Spare {
  readonly process: Deno.ChildProcess;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Starts a launcher's process. */
function spawn({ command, args, env }: LauncherCommand): Deno.ChildProcess {
  return new Deno.Command(command, {
    args: [...args],
    env: { ...env },
    clearEnv: true,
    cwd: "/",
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** See the module's text. */
export class Spares implements Disposable {
  readonly #waiting = new Map<string, Spare>();
  #over = false;

  /** A launcher for this command line, waiting or new. */
  take(command: LauncherCommand): Deno.ChildProcess {
    const key = JSON.stringify(command);
    const spare = this.#waiting.get(key);
    if (spare === undefined) return spawn(command);
    this.#waiting.delete(key);
    clearTimeout(spare.timer);
    return spare.process;
  }

  /** Has one waiting. */
  prepare(command: LauncherCommand): void {
    const key = JSON.stringify(command);
    if (this.#over || this.#waiting.has(key)) return;
    const process = spawn(command);
    const drop = () => {
      if (this.#waiting.get(key)?.process !== process) return;
      this.#waiting.delete(key);
      void end(process);
    };
    const timer = setTimeout(drop, nativeLimits.spareMs);
    Deno.unrefTimer(timer);
    this.#waiting.set(key, { process, timer });
    // One that ends by itself (no memory, a changed executable) must not be given to a run.
    void process.status.then(() => {
      if (this.#waiting.get(key)?.process === process) {
        this.#waiting.delete(key);
        clearTimeout(timer);
        void end(process);
      }
    });
  }

  [Symbol.dispose](): void {
    this.#over = true;
    for (const { process, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      void end(process);
    }
    this.#waiting.clear();
  }
}

/** Ends a launcher that no run got: without an order it goes when its stdin does. */
async function end(process: Deno.ChildProcess): Promise<void> {
  try {
    process.kill("SIGKILL");
  } catch { /* it has ended */ }
  await Promise.allSettled([process.stdin.close(), process.stdout.cancel(), process.stderr.cancel()]);
}
