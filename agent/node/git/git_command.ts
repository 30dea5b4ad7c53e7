/**
 * One call of the system's git: in an environment of its own (no settings of the machine or a user, no questions, no
 * hooks, only the protocols that are named), within bounds of time and bytes, ended with all its children.
 */
import { gitLimits, RealmError } from "../../protocol/mod.ts";

/** What a call may and must not. */
export interface GitCall {
  /** Without `git` itself; what comes from outside stands behind `--`. */
  readonly args: readonly string[];
  readonly cwd: string;
  /** The only settings that hold. */
  readonly config: string;
  /** Protocols that may be used, as git names them. */
  readonly protocols: readonly string[];
  /** How `ssh` is called. */
  readonly ssh?: string;
  readonly timeoutMs: number;
  /** Measures what the call has written; it is ended above `maxBytes`. */
  readonly written?: () => Promise<number>;
  readonly maxBytes?: number;
  readonly signal: AbortSignal;
}

/** Variables of the agent that git needs to reach the world as the agent does. */
const PASSED = ["PATH", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"];
PASSED.push("SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR", "SystemRoot");

function environment(call: GitCall): Record<string, string> {
  const env: Record<string, string> = {
    HOME: call.cwd,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: call.config,
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_PROTOCOL_FROM_USER: "0",
    GIT_ALLOW_PROTOCOL: call.protocols.join(":"),
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_SSH_VARIANT: "ssh",
    GIT_SSH_COMMAND: call.ssh ?? "false",
  };
  for (const name of PASSED) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  return env;
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of stream) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > 2 * gitLimits.outputChars) text = text.slice(-gitLimits.outputChars);
  }
  return text;
}

/** Ends a process and whatever it started. */
function end(child: Deno.ChildProcess): void {
  try {
    if (Deno.build.os === "windows") child.kill();
    else Deno.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** The last lines that say something. */
const reasonOf = (stderr: string): string =>
  stderr.split("\n").map((l) => l.trim()).filter((l) => /^(fatal|error|remote|ERROR|ssh|Host key)/.test(l))
    .slice(-3).map((l) => l.replace(/^(fatal|error): /, ""))
    .join("; ").slice(0, 500) || stderr.trim().split("\n").at(-1)!.slice(0, 500) || "git said nothing";

/**
 * Calls git; what it printed. Throws `RealmError`: `unavailable` (git is not installed), `timed_out`, `too_large`, or
 * `failed` with git's own words.
 */
export async function callGit(call: GitCall): Promise<string> {
  call.signal.throwIfAborted();
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("git", {
      args: [...call.args],
      cwd: call.cwd,
      env: environment(call),
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: Deno.build.os !== "windows",
    }).spawn();
  } catch (error) {
    // The same error tells of a working directory that is not there.
    if (error instanceof Deno.errors.NotFound && !/No such cwd/.test(error.message)) {
      throw new RealmError(
        "unavailable",
        "git is not installed on this node; install it and restart the agent",
      );
    }
    throw error;
  }
  let why: RealmError | undefined;
  const stop = (error: RealmError) => {
    why ??= error;
    end(child);
  };
  const timer = setTimeout(
    () => stop(new RealmError("timed_out", `git took longer than ${call.timeoutMs / 1_000} s`)),
    call.timeoutMs,
  );
  const abort = () => stop(new RealmError("failed", "the fetch was called off"));
  call.signal.addEventListener("abort", abort, { once: true });
  let watching: Promise<void> | undefined;
  const watch = setInterval(() => {
    watching ??= (async () => {
      const bytes = await call.written?.() ?? 0;
      if (call.maxBytes !== undefined && bytes > call.maxBytes) stop(tooLarge(call.maxBytes));
    })().catch(() => {}).finally(() => watching = undefined);
  }, gitLimits.watchMs);
  try {
    const [status, stdout, stderr] = await Promise.all([
      child.status,
      textOf(child.stdout),
      textOf(child.stderr),
    ]);
    if (why) throw why;
    if (!status.success) throw new RealmError("failed", reasonOf(stderr));
    const bytes = await call.written?.() ?? 0;
    if (call.maxBytes !== undefined && bytes > call.maxBytes) throw tooLarge(call.maxBytes);
    return stdout;
  } finally {
    clearTimeout(timer);
    clearInterval(watch);
    call.signal.removeEventListener("abort", abort);
    end(child);
  }
}

const tooLarge = (maxBytes: number) =>
  new RealmError("too_large", `it takes more than ${Math.round(maxBytes / 1024 / 1024)} MiB; raise disk_mb`);

/** Version of the system's git; `undefined` where there is none. */
export async function gitVersion(): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["--version"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    return success ? /[0-9]+(\.[0-9]+)+/.exec(new TextDecoder().decode(stdout))?.[0] : undefined;
  } catch {
    return undefined;
  }
}
