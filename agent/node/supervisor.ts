/**
 * The supervisor: what `realm up` runs in the foreground. It starts the agent as a child, restarts it with back-off
 * when it dies, passes signals on, and imports next to nothing, so that it is there at once and costs little.
 */

/** Back-off between restarts: doubles, and starts anew after an agent lived this long. */
const BACKOFF = { firstMs: 250, lastMs: 30_000, stableMs: 60_000 } as const;
/** A stop that takes longer than this is ended the hard way. */
const STOP_MS = 20_000;

/** Exit code by which the agent says: do not start me again, the input is wrong. */
export const FATAL_EXIT = 64;

/** Runs `command` until it ends by itself with 0 or {@link FATAL_EXIT}, or a signal ends both. Returns the exit code. */
export async function supervise(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<number> {
  let stopping = false;
  let child: Deno.ChildProcess | undefined;
  let wake: (() => void) | undefined;
  const stop = () => {
    const first = !stopping;
    stopping = true;
    wake?.();
    if (!child) return;
    const it = child;
    try {
      it.kill(first ? "SIGTERM" : "SIGKILL");
    } catch {
      return; // it has ended already
    }
    if (first) {
      const timer = setTimeout(() => {
        try {
          it.kill("SIGKILL");
        } catch { /* it has ended */ }
      }, STOP_MS);
      Deno.unrefTimer(timer);
    }
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  let backoff: number = BACKOFF.firstMs;
  for (;;) {
    const startedAt = performance.now();
    child = new Deno.Command(command, {
      args: [...args],
      env: { ...env, REALM_SUPERVISOR: String(Deno.pid) },
      stdin: "null",
    }).spawn();
    const status = await child.status;
    child = undefined;
    if (stopping) return 0;
    if (status.code === 0 || status.code === FATAL_EXIT) return status.code === 0 ? 0 : 1;
    if (performance.now() - startedAt > BACKOFF.stableMs) backoff = BACKOFF.firstMs;
    console.error(
      `the agent ended (${
        status.signal ?? `exit code ${status.code}`
      }); it is started again in ${backoff} ms`,
    );
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, backoff);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    if (stopping) return 0;
    backoff = Math.min(BACKOFF.lastMs, backoff * 2);
  }
}
