/** A node of an executable under test, in a directory of its own on loopback. */
import { parseAgentFile } from "../agent/protocol/data_dir.ts";
import { RealmError } from "../agent/protocol/errors.ts";
import { type Wine, winePath } from "./windows/wine.ts";

/** How long a step may take on a cold machine; an emulated processor has three times as long. */
const STEP_MS = 60_000;
const POLL_MS = 2;

/** What a command printed and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** What starts an executable of another machine. */
export interface Machine {
  /** For one of Windows. */
  readonly wine?: Wine;
  /** A command that runs others as on that machine. */
  readonly emulator?: string;
}

/** An executable with a cache and a data directory of its own, on the machine given. Dispose removes both. */
export class SmokeNode implements AsyncDisposable {
  readonly #file: string;
  readonly #wine: Wine | undefined;
  readonly #emulator: string | undefined;
  readonly #dir: string;
  #process: Deno.ChildProcess | undefined;
  #output = "";
  /** URL of the gateway once {@link up} has ended. */
  gateway = "";

  constructor(file: string, { wine, emulator }: Machine = {}) {
    this.#file = file;
    this.#wine = wine;
    this.#emulator = emulator;
    this.#dir = Deno.makeTempDirSync({ prefix: "realm-smoke-" });
  }

  /** A path here as the executable names it; forward slashes work everywhere. */
  path(path: string): string {
    return this.#wine ? `Z:${path}` : path;
  }

  #command(args: readonly string[]): Deno.Command {
    if (this.#wine) {
      return this.#wine.command(this.#file, {
        args,
        env: {
          REALM_CACHE_DIR: winePath(`${this.#dir}/cache`),
          REALM_DATA_DIR: winePath(`${this.#dir}/data`),
          NO_COLOR: "1",
        },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      });
    }
    const [command, ...first] = this.#emulator ? [this.#emulator, this.#file] : [this.#file];
    return new Deno.Command(command, {
      args: [...first, ...args],
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        HOME: this.#dir,
        REALM_DATA_DIR: `${this.#dir}/data`,
        NO_COLOR: "1",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  /** Runs a command to its end. */
  async run(...args: string[]): Promise<Ran> {
    const started = performance.now();
    const { code, stdout, stderr } = await this.#command(args).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr), ms: performance.now() - started };
  }

  /** As {@link run}; throws `RealmError("failed")` when the command fails. */
  async must(...args: string[]): Promise<Ran> {
    const ran = await this.run(...args);
    if (ran.code === 0) return ran;
    throw new RealmError(
      "failed",
      `realm ${args.join(" ")} ended with ${ran.code}: ${ran.stderr || ran.stdout}`,
    );
  }

  /** Starts the node; resolves with the milliseconds until its API listened. */
  async up(): Promise<number> {
    const path = `${this.#dir}/data/agent.json`;
    await Deno.remove(path).catch(() => {});
    const ports = ["--listen", "127.0.0.1:0", "--api", "127.0.0.1:0", "--gateway", "127.0.0.1:0"];
    const started = performance.now();
    const process = this.#command(["up", "--name", "smoke", "--no-mdns", ...ports]).spawn();
    this.#process = process;
    for (const stream of [process.stdout, process.stderr]) void this.#collect(stream);
    let ended = false;
    void process.status.then(() => ended = true);
    const file = await this.#until("the node listens", async () => {
      if (ended) throw new RealmError("failed", `the node ended: ${this.#output.slice(-2000)}`);
      const parsed = parseAgentFile(await Deno.readTextFile(path).catch(() => ""));
      return parsed.ok ? parsed.value : undefined;
    });
    this.gateway = file.gateway ?? "";
    return performance.now() - started;
  }

  /** Stops the node in order; under Wine, where no signal does that, the executable is killed. */
  async down(): Promise<void> {
    this.#process?.kill(this.#wine ? "SIGKILL" : "SIGTERM");
    await this.#process?.status;
    this.#process = undefined;
  }

  /** Waits until an app's answer through the gateway matches. */
  async answers(app: string, path: string, pattern: RegExp, init: RequestInit = {}): Promise<void> {
    using client = Deno.createHttpClient({ allowHost: true });
    const headers = { ...init.headers, host: `${app}.localhost:${new URL(this.gateway).port}` };
    await this.#until(`${app} answers with ${pattern}`, async () => {
      const response = await fetch(this.gateway + path, { ...init, headers, client }).catch(() => undefined);
      const text = await response?.text();
      return response?.ok && pattern.test(text!);
    });
  }

  async #until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
    const ms = this.#emulator ? 3 * STEP_MS : STEP_MS;
    for (const end = performance.now() + ms; performance.now() < end;) {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new RealmError("timed_out", `not within ${ms} ms: ${what}\n${this.#output.slice(-2000)}`);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream() as never)) {
      this.#output = (this.#output + text).slice(-20_000);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    await Deno.remove(this.#dir, { recursive: true });
  }
}
