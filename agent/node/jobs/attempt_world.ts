/** What one attempt of a run has of its node, and where its files lie. */
import type { AttemptOrder } from "../../core/mod.ts";
import type { Disk, LogChunk } from "../../ports.ts";
import type { AttemptStatus, Digest, KeyId, NodeId } from "../../protocol/mod.ts";
import type { ProgramHandle, ProgramSpec, RunHandle, RunSpec } from "../../runtimes/mod.ts";
import type { BlobStore } from "../../storage/mod.ts";
import type { GitSources } from "../git/git_sources.ts";
import type { Caches } from "./build_cache.ts";
import type { FailedSteps } from "./native_steps.ts";
import type { SecretsRoots } from "./run_secrets.ts";

/** What an attempt needs of its node. */
export interface AttemptWorld {
  readonly dataDir: string;
  readonly disk: Disk;
  readonly store: BlobStore;
  /** Brings blobs here, from `holders` first. */
  fetch(
    digests: readonly Digest[],
    holders: readonly NodeId[],
    onProgress: (doneBytes: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Where files of secrets lie. */
  readonly secretsRoots: SecretsRoots;
  /** The value of a secret, for an attempt that executes here. Throws `RealmError` when it must not have it. */
  openSecret(name: string, order: AttemptOrder): Uint8Array;
  /** Starts a native program of an order. */
  startProgram(
    order: AttemptOrder,
    spec: ProgramSpec,
    onLog: (chunk: LogChunk) => void,
    signal: AbortSignal,
  ): Promise<ProgramHandle>;
  startRun(spec: RunSpec, onLog: (chunk: LogChunk) => void, signal: AbortSignal): Promise<RunHandle>;
  /** Repositories as inputs. */
  readonly git: Pick<GitSources, "resolve" | "checkOut">;
  report(run: string, status: AttemptStatus): void;
  readonly caches: Caches;
  /** Called when steps failed; their files stay until it resolves. */
  failed?(steps: FailedSteps): Promise<void>;
  now(): number;
}

/** Directory below which the file systems of all wasm attempts of one submitter lie. */
export const lotDirectory = (dataDir: string, by: KeyId): string => `${dataDir}/work/jobs/${by}`;

/** Directory of an attempt: its log. */
export const attemptDirectory = (dataDir: string, run: string, attempt: string): string =>
  `${dataDir}/jobs/${run}/${attempt}`;
