/** Runs of jobs on one machine without a realm: what executes them, what is told on the way, how they end. */
import type { Digest } from "./identity.ts";
import type { Artifact, AttemptReport, RunEnd } from "./job_record.ts";
import type { JobRunSpec } from "./job_spec.ts";

/** How a run ended. */
export interface LocalEnd {
  /** Its end. */
  readonly state: RunEnd;
  /** Why, in words. */
  readonly reason: string;
  /** What was measured, when it came to execute. */
  readonly report?: AttemptReport;
  /** What is kept of it. */
  readonly artifacts: readonly Artifact[];
  /** Commits that its inputs by `git` stood for, by mount. */
  readonly commits?: Readonly<Record<string, string>>;
}

/** What {@link LocalJobs.run} tells on the way. */
export interface LocalWatch {
  /** A piece of its log; `more`: the line goes on. */
  onEntry(stream: "stdout" | "stderr" | "system", text: string, more: boolean): void;
  /** A native run's steps failed; its files stay until this resolves. The shell ends when `stdin` does. */
  onFailed?(
    shell: (
      stdin: ReadableStream<Uint8Array>,
      onLog: (chunk: { bytes: Uint8Array }) => void,
    ) => Promise<void>,
  ): Promise<void>;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Executes jobs on one machine, by the engine of nodes. */
export interface LocalJobs {
  /** Keeps content for runs to come. */
  write(content: ReadableStream<Uint8Array>): Promise<{ digest: Digest; size: number }>;
  /** Content of an artifact. */
  read(digest: Digest): ReadableStream<Uint8Array>;
  /** Executes one run to its end. What it takes from other jobs must have been run before. */
  run(spec: JobRunSpec, watch: LocalWatch): Promise<LocalEnd>;
}
