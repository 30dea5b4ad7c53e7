/**
 * Programs of the operating system: what a run of one looks like to an engine that starts it in a sandbox. `native` is
 * the first; others (`qemu`, `container`, `vm`) come behind the same interface.
 */
import type { LogChunk } from "../ports.ts";
import type { SandboxLevel } from "../protocol/policy.ts";
import type { Probe, RunHandle, RuntimeKind } from "./runtime.ts";

/** What of the network a program may use. `connect`: TCP to these ports. */
export type ProgramNetwork = "none" | "full" | { readonly connect: readonly number[] };

/** Secrets that a program reads as files. */
export interface SecretFiles {
  /** Directory of the machine that holds them and nothing else: absolute, two levels below one of Realm's own. */
  readonly directory: string;
  /** Variables that get a file's path, as the program sees it, by the file's name. */
  readonly variables: Readonly<Record<string, string>>;
}

/** What to run, and within what bounds. */
export interface ProgramSpec {
  /** Unique among what runs on this node. */
  readonly id: string;
  /** The first is a name on PATH, or a path as the program sees it. */
  readonly argv: readonly string[];
  /** On top of a clean environment (PATH, HOME, TMPDIR, LANG, REALM_ROOT). */
  readonly env: Readonly<Record<string, string>>;
  /** Secrets that it may read, and nobody else. */
  readonly secrets?: SecretFiles;
  /**
   * Directory of the machine that is the run's own: absolute. At the level `namespaced` it is the program's `/`; at
   * `floor` the program finds its path in `REALM_ROOT`.
   */
  readonly root: string;
  /** Where it starts: absolute, below `root`. */
  readonly workingDir: string;
  /** More trees of the machine that it may read: absolute. */
  readonly read: readonly string[];
  /** The weakest sandbox it may get; it gets the strongest that there is. */
  readonly minimum: SandboxLevel;
  readonly network: ProgramNetwork;
  /** TCP ports on which it may listen, whatever `network` says. */
  readonly bind?: readonly number[];
  readonly memoryMb: number;
  /** Fractions too; absent: as many as there are. */
  readonly cpuCores?: number;
  readonly pids: number;
  /** Of everything below `root`. */
  readonly diskMb: number;
  /** `Infinity`: it may run for ever. */
  readonly timeoutMs: number;
  /** Time between the stop signal and SIGKILL when it runs out of time. */
  readonly graceMs: number;
  /** How it is asked to end; default SIGTERM. */
  readonly stopSignal?: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT";
  readonly stdin?: ReadableStream<Uint8Array>;
  /** What whoever takes it over after a restart of this process must know of it. Absent: it ends with this process. */
  readonly memo?: string;
}

/** Where in the output of a program something is: bytes of each stream since its start. */
export interface OutputPositions {
  readonly stdout: number;
  readonly stderr: number;
}

/** A started program. */
export interface ProgramHandle extends Omit<RunHandle, "serve" | "fetch"> {
  /** The sandbox that it runs in. */
  readonly level: SandboxLevel;
  /** Where the program can outlive this process. */
  readonly lasting?: Lasting;
}

/** A program that whoever comes after this process may take over. */
export interface Lasting {
  /** Output up to there is kept: it is not told again. The program waits when too much is not. */
  kept(positions: OutputPositions): void;
  /** Its end is known for good. */
  release(): void;
  /** It goes on when this process ends, for the next one to take over. */
  leave(): void;
}

/** A program that a process before this one started and left. */
export interface Survivor {
  /** See {@link ProgramSpec}. */
  readonly id: string;
  readonly memo: string;
  /** Takes it over, with its output from there on; it may have ended meanwhile. */
  adopt(from: OutputPositions, onLog: (chunk: LogChunk) => void): ProgramHandle;
  /** Ends and forgets it. */
  end(): Promise<void>;
}

/** What a machine can do, level by level. */
export interface SandboxReport {
  /** Level → `undefined` when it is there, else why not, in one sentence. */
  readonly levels: Readonly<Record<SandboxLevel, string | undefined>>;
  /** How limits are kept: control groups and their version, or by watching. */
  readonly limits: string;
}

/** An engine for programs. */
export interface ProgramRuntime extends AsyncDisposable {
  readonly kind: RuntimeKind;
  probe(): Promise<Probe>;
  /** What was found last; `again`: tries what is missing anew, for it may have failed by chance, or been mended. */
  sandbox(again?: boolean): Promise<SandboxReport>;
  /**
   * Starts a program and resolves when it runs. Rejects with `RealmError`: `policy_refused` (no sandbox of the level
   * asked for), `failed` (cannot be started, and why).
   */
  start(spec: ProgramSpec, onLog: (chunk: LogChunk) => void, signal?: AbortSignal): Promise<ProgramHandle>;
  /**
   * Ends and removes whatever runs of a process before this one left; returns those that may be taken over, each of which
   * is to be adopted or ended. Call once, before the first start.
   */
  recover(): Promise<readonly Survivor[]>;
}
