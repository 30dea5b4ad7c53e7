/**
 * The interface that every runtime implements (`wasm`, later `native`, `qemu`, `container`, `vm`), and what a
 * replica of an app or an attempt of a job looks like to it. All implementations pass `runtime_contract.ts`.
 */
import type { HttpAnswer, HttpCall, LogChunk } from "../ports.ts";

/** Kinds of runtime. */
export type RuntimeKind = "wasm" | "native" | "qemu" | "container" | "vm";

/** What a runtime can do on this node. */
export interface Probe {
  readonly kind: RuntimeKind;
  readonly available: boolean;
  /** When not available: what is missing and what to do. When available: version and level. */
  readonly detail: string;
  /** Named features (`wasi:http`, `preview1`, `cgroup`, …). */
  readonly features: readonly string[];
}

/** A directory given to the workload. */
export interface RuntimeMount {
  /** Path the guest sees: absolute, normalised, no trailing slash. */
  readonly guest: string;
  /** Directory on the host: absolute. */
  readonly host: string;
  readonly readOnly: boolean;
  /** Bytes that may be stored below `host`; unlimited when absent. */
  readonly quotaBytes?: number;
}

/** What to run. */
export interface RunSpec {
  /** Unique among what runs on this node; part of the log header and of process names. */
  readonly id: string;
  /** `http`: serve requests (`wasi:http/incoming-handler`); `command`: run once to its end. */
  readonly mode: "http" | "command";
  /** Absolute path of the component or core module. */
  readonly wasm: string;
  /** SHA-256 of that file: the cache key of what is derived from it. */
  readonly digest: string;
  /** Directory for translated and compiled code, shared by all runs of this node; may be cleared at any time. */
  readonly cacheDir: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly RuntimeMount[];
  /** Linear memory ceiling of one instance, in MiB. */
  readonly memoryMb: number;
  /** Requests in work at once; more wait in a bounded queue, then get 503. */
  readonly maxConcurrency: number;
  /** Wall-clock limit of one request or of the whole command. */
  readonly timeoutMs: number;
  readonly instance: "per_request" | "reuse";
  /** `host:port` pairs that outbound HTTP may reach (port may be `*`); empty: none. */
  readonly outbound: readonly string[];
  /** Content of stdin for a command. */
  readonly stdin?: ReadableStream<Uint8Array>;
  /**
   * Every byte of output becomes log: a guest that writes faster than the log takes it is slowed down. Otherwise output
   * above a rate is dropped and counted.
   */
  readonly wholeLog?: boolean;
  /** Fixed clock and random seed. */
  readonly deterministic?: boolean;
  /**
   * A command may be executed by a process that has executed others of the lot, one after the other, as long as each came
   * to its end by itself: an instance, a memory and open files of its own, the permissions of the lot. Absent, or with
   * `stdin` or `outbound`: a process of its own.
   */
  readonly lot?: RunLot;
}

/** Runs that may follow each other in one process. */
export interface RunLot {
  /** Who stands behind them: of two with different names none ever shares a process. */
  readonly name: string;
  /** Directories below which all their files lie, and nobody else's: what such a process may read, and write. */
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** How a run ended. */
export interface ExitReport {
  /** Guest's exit code; `undefined` when it did not get to exit by itself. */
  readonly code?: number;
  readonly signal?: string;
  /** `exited`, `trapped`, `timed out`, `out of memory`, `out of disk`, `stopped`, `killed`, `failed to start`: see `message`. */
  readonly reason:
    | "exited"
    | "trapped"
    | "timed_out"
    | "out_of_memory"
    | "out_of_disk"
    | "stopped"
    | "killed"
    | "failed_to_start";
  /** One sentence for people. */
  readonly message: string;
  readonly wallMs: number;
  readonly cpuMs?: number;
  readonly peakMemoryBytes?: number;
}

/** Figures of a running workload. */
export interface RunStats {
  readonly rssBytes: number;
  readonly cpuMs: number;
  readonly inFlight: number;
  readonly requests: number;
  readonly errors: number;
}

/** A started workload. */
export interface RunHandle {
  readonly id: string;
  /** Settles once, when the workload has ended and its resources are free. Never rejects. */
  readonly exit: Promise<ExitReport>;
  /**
   * `http` mode: one request. Status, headers and body stream through. Rejects with `RealmError`: `unavailable` (queue
   * full, or the guest ended before it answered: a safe request may be retried elsewhere; with `detail: { sent: false }`
   * any request, for the guest has seen nothing of it), `timed_out`.
   */
  serve(call: HttpCall): Promise<HttpAnswer>;
  /** The same for whoever has a `Request`. */
  fetch(request: Request): Promise<Response>;
  /** Asks to end, lets requests in flight finish for `graceMs`, then ends it for sure. Idempotent. */
  stop(graceMs: number): Promise<ExitReport>;
  stats(): RunStats;
}

/** An engine. */
export interface Runtime {
  readonly kind: RuntimeKind;
  probe(): Promise<Probe>;
  /**
   * Starts a workload and resolves when it can take requests (or, for a command, when it runs). Rejects with
   * `RealmError("failed")` naming the reason: not a component, missing import, memory over the ceiling.
   */
  start(spec: RunSpec, onLog: (chunk: LogChunk) => void, signal?: AbortSignal): Promise<RunHandle>;
  [Symbol.asyncDispose](): Promise<void>;
}
