/**
 * The supervisor: what `realm up` runs in the foreground. It starts the agent as a child, in the version that the data
 * directory names, restarts it with back-off when it dies, and ends a version on trial that does not prove itself. It
 * passes signals on, and imports next to nothing, so that it is there at once and costs little.
 */

/** Back-off between restarts: doubles, and starts anew after an agent lived this long. */
const BACKOFF = { firstMs: 250, lastMs: 30_000, stableMs: 60_000 } as const;
/** A stop that takes longer than this is ended the hard way. */
const STOP_MS = 20_000;
/** What a version on trial said last is kept up to this many characters, to say why it failed. */
const LAST_WORDS = 2_000;

/** Exit code by which the agent says: do not start me again, the input is wrong. */
export const FATAL_EXIT = 64;
/** Exit code by which the agent says: start what the data directory names now. */
export const SWITCH_EXIT = 75;

/** One start of an agent. */
export interface AgentStart {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Set for a version that has to prove itself. */
  readonly trial?: {
    /** Counted from the start. */
    readonly deadlineMs: number;
    /** Whether it has proved itself. */
    proved(): Promise<boolean>;
    /** It did not: the version before is what starts next. Called while no agent runs. */
    giveBack(reason: string): Promise<void>;
  };
}

/** What a version on trial wrote, passed on and remembered in part. */
async function lastWords(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let last = "";
  for await (const bytes of stream) {
    await Deno.stderr.write(bytes).catch(() => {});
    last = (last + decoder.decode(bytes, { stream: true })).slice(-LAST_WORDS);
  }
  return inWords(last.trim().split("\n").at(-1) ?? "").slice(0, 300);
}

/** A line of an agent's log as a person reads it: what it says, then its fields; any other line as it is. */
export function inWords(line: string): string {
  try {
    const { at: _at, level: _level, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
    if (typeof message !== "string") return line;
    const more = Object.entries(fields).map(([k, v]) =>
      `${k}: ${typeof v === "string" ? v : JSON.stringify(v)}`
    );
    return more.length > 0 ? `${message} (${more.join(", ")})` : message;
  } catch {
    return line;
  }
}

const endOf = (status: Deno.CommandStatus): string => status.signal ?? `exit code ${status.code}`;

/**
 * Runs what `next` names until it ends by itself with 0 or {@link FATAL_EXIT}, or a signal ends both. Returns the exit
 * code.
 */
export async function supervise(next: () => Promise<AgentStart>): Promise<number> {
  let stopping = false;
  let child: Deno.ChildProcess | undefined;
  let wake: (() => void) | undefined;
  const kill = (it: Deno.ChildProcess, signal: Deno.Signal) => {
    try {
      it.kill(signal);
    } catch { /* it has ended already */ }
  };
  const stop = () => {
    const first = !stopping;
    stopping = true;
    wake?.();
    if (!child) return;
    const it = child;
    kill(it, first ? "SIGTERM" : "SIGKILL");
    if (first) Deno.unrefTimer(setTimeout(() => kill(it, "SIGKILL"), STOP_MS));
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  let backoff: number = BACKOFF.firstMs;
  for (;;) {
    const start = await next();
    if (stopping) return 0;
    const startedAt = performance.now();
    const status = await run(start, (it) => child = it, kill);
    child = undefined;
    if (stopping) return 0;
    if (status.returned || status.code === SWITCH_EXIT) {
      backoff = BACKOFF.firstMs;
      continue;
    }
    if (status.code === 0 || status.code === FATAL_EXIT) return status.code === 0 ? 0 : 1;
    if (performance.now() - startedAt > BACKOFF.stableMs) backoff = BACKOFF.firstMs;
    console.error(`the agent ended (${status.end}); it is started again in ${backoff} ms`);
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

/** One life of an agent; a version on trial that did not prove itself is given back at its end. */
async function run(
  { command, args, env, trial }: AgentStart,
  onChild: (child: Deno.ChildProcess) => void,
  kill: (child: Deno.ChildProcess, signal: Deno.Signal) => void,
): Promise<{ readonly code: number; readonly end: string; readonly returned: boolean }> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, {
      args: [...args],
      env: { ...env, REALM_SUPERVISOR: String(Deno.pid) },
      stdin: "null",
      stderr: trial ? "piped" : "inherit",
    }).spawn();
  } catch (error) {
    const why = `it cannot be started: ${error instanceof Error ? error.message : error}`;
    if (!trial) return { code: 69, end: why, returned: false };
    await trial.giveBack(why);
    return { code: 69, end: why, returned: true };
  }
  onChild(child);
  let stopped = false, late = false;
  const words = trial && lastWords(child.stderr);
  const timer = trial && setTimeout(async () => {
    if (stopped || await trial.proved()) return;
    late = true;
    kill(child, "SIGKILL");
  }, trial.deadlineMs);
  const status = await child.status;
  stopped = true;
  clearTimeout(timer);
  if (!trial || await trial.proved()) return { code: status.code, end: endOf(status), returned: false };
  const said = await Promise.race([words!, new Promise<string>((done) => setTimeout(done, 1_000, ""))]);
  const why = late
    ? `it did not prove itself within ${Math.round(trial.deadlineMs / 1000)} s`
    : `it ended with ${endOf(status)}`;
  await trial.giveBack(`${why}${said ? `; it said last: ${said}` : ""}`);
  return { code: status.code, end: endOf(status), returned: true };
}
