/**
 * Runs of jobs on this machine without a realm: the same engine, runtimes and sandbox as on a node, in a directory that
 * goes afterwards. Nothing is submitted, no policy is asked: who calls it runs programs of their own.
 */
import type { AttemptOrder, OrderedInput } from "../../core/mod.ts";
import type { Disk, Hasher, LogChunk } from "../../ports.ts";
import {
  type Artifact,
  type AttemptStatus,
  type CacheEntry,
  isEnd,
  type JobRunSpec,
  jobTiming,
  type LocalJobs,
  RealmError,
} from "../../protocol/mod.ts";
import type { ProgramRuntime, Runtime } from "../../runtimes/mod.ts";
import { openBlobStore } from "../../storage/mod.ts";
import { GitSources } from "../git/git_sources.ts";
import { Attempt } from "./attempt.ts";
import type { AttemptWorld } from "./attempt_world.ts";
import type { Caches } from "./build_cache.ts";
import { chooseSecretsRoots } from "./run_secrets.ts";
import type { FailedSteps } from "./native_steps.ts";

/** What runs here are made of. */
export interface LocalJobsOptions {
  /** Absolute; of this alone. */
  readonly directory: string;
  readonly disk: Disk;
  readonly hasher: Hasher;
  readonly native: ProgramRuntime;
  readonly wasm: Runtime;
  /** A variable of whoever runs them. */
  variable(name: string): string | undefined;
}

const STREAMS = { o: "stdout", e: "stderr", s: "system" } as const;
/** Submitter and node of runs that have none. */
const NOBODY = "local";

/** Opens the store of local runs. */
export async function openLocalJobs(options: LocalJobsOptions): Promise<LocalJobs> {
  const { directory, disk, hasher, native, wasm } = options;
  const quiet = () => {};
  const store = await openBlobStore({
    disk,
    hasher,
    directory: `${directory}/blobs`,
    now: Date.now,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    quotaBytes: () => Number.MAX_SAFE_INTEGER,
  });
  const git = new GitSources(disk, `${directory}/cache/git`);
  const made = new Map<string, readonly Artifact[]>();
  // What a run of the same call kept is found by those after it.
  const kept: CacheEntry[] = [];
  const caches: Caches = {
    stored: (entry) => void kept.unshift(entry),
    find(scope, key, beginnings) {
      const of = kept.filter((e) => e.scope === scope);
      const entry = of.find((e) => e.key === key) ??
        of.find((e) => beginnings.some((b) => e.key.startsWith(b)));
      return entry && { entry, holder: NOBODY };
    },
  };
  let count = 0;
  return {
    write: (content) => store.write(content),
    read: (digest) => store.read(digest),
    async run(spec, watch) {
      const order = orderOf(spec, made, ++count);
      let last: AttemptStatus | undefined;
      const world: AttemptWorld = {
        dataDir: directory,
        disk,
        store,
        git,
        secretsRoots: chooseSecretsRoots(directory),
        openSecret: (name) => secretHere(name, options.variable),
        fetch: () => Promise.reject(new RealmError("not_found", "it was not kept")),
        startProgram: (_order, program, onLog, signal) => native.start(program, onLog, signal),
        startRun: (run, onLog, signal) => wasm.start(run, onLog, signal),
        caches,
        report: (_run, status) => last = status,
        now: Date.now,
        ...(watch.onFailed
          ? { failed: (steps) => watch.onFailed!((stdin, onLog) => shellIn(native, steps, stdin, onLog)) }
          : {}),
      };
      const attempt = new Attempt(order, world);
      const stop = () => attempt.stop("cancelled", "interrupted");
      watch.signal.addEventListener("abort", stop, { once: true });
      if (watch.signal.aborted) stop();
      const told = (async () => {
        for await (const entry of attempt.log.read(0, true, new AbortController().signal)) {
          watch.onEntry(STREAMS[entry.s], entry.t, entry.m === 1);
        }
      })();
      await attempt.reported;
      await told;
      await attempt.ended;
      watch.signal.removeEventListener("abort", stop);
      const state = last && isEnd(last.state) ? last.state : "failed";
      if (state === "succeeded" && !made.has(spec.job)) made.set(spec.job, last!.artifacts);
      return {
        state,
        reason: last?.reason ?? "",
        artifacts: last?.artifacts ?? [],
        ...(last?.report ? { report: last.report } : {}),
        ...(last?.commits ? { commits: last.commits } : {}),
      };
    },
  };
}

function orderOf(spec: JobRunSpec, made: ReadonlyMap<string, readonly Artifact[]>, n: number): AttemptOrder {
  const inputs = spec.inputs.map((input): OrderedInput => {
    const { mount } = input;
    if (input.from === "git") return { git: input, mount };
    if (input.from === "blob") {
      const { digest, bytes, form } = input;
      return { digest, bytes, form, mount, readOnly: input.read_only };
    }
    const found = made.get(input.job)?.find((a) => a.name === input.output);
    if (!found) return { missing: `${input.output} of ${input.job}`, mount };
    return { digest: found.digest, bytes: found.bytes, form: found.form, mount, readOnly: false };
  });
  const run = `${spec.job}-local`;
  return { attempt: `${run}-${n}`, run, number: 1, epoch: 1, spec, by: NOBODY, via: NOBODY, inputs };
}

/** A secret, which is a variable of whoever runs the job: those of a realm never leave its nodes. */
function secretHere(name: string, variable: LocalJobsOptions["variable"]): Uint8Array {
  const wanted = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
  const value = variable(wanted);
  if (value !== undefined && value !== "") return new TextEncoder().encode(value);
  throw new RealmError(
    "unavailable",
    `the secret ${name} is not here; secrets stay on their nodes: set the variable ${wanted} for a local run`,
  );
}

/** A shell in the files and the sandbox of steps that failed. */
async function shellIn(
  native: ProgramRuntime,
  { program }: FailedSteps,
  stdin: ReadableStream<Uint8Array>,
  onLog: (chunk: LogChunk) => void,
): Promise<void> {
  const shell = await native.start(
    {
      ...program,
      id: `${program.id}-shell`,
      argv: ["/bin/sh", "-i"],
      env: { ...program.env, PS1: "job$ " },
      timeoutMs: jobTiming.shellMs,
      stdin,
    },
    onLog,
  );
  await shell.exit;
}
