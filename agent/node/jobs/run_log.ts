/**
 * The log of a run as one stream, from whichever node has it: from here, from the node that executes, or from the blob
 * store once an attempt has ended. Broken connections are mended where they broke: no entry is missed or told twice,
 * and what is missing for good is told as a gap.
 */
import { activeAttempt, attemptStatus, type Core, nodeState, type RunState } from "../../core/mod.ts";
import type { PeerStreams } from "../../ports.ts";
import {
  apiLimits,
  type DecidedAttempt,
  type Digest,
  isEnd,
  jobTiming,
  type NodeId,
  RealmError,
  type RunLogView,
} from "../../protocol/mod.ts";
import type { BlobStore } from "../../storage/mod.ts";
import type { Attempts } from "./attempts.ts";
import { type LogEntry, LogMoved, readStoredLog } from "./job_log.ts";
import { readRemoteLog } from "./log_protocol.ts";

/** Where logs come from. */
export interface RunLogWorld {
  readonly core: Core;
  readonly attempts: Attempts;
  readonly streams: PeerStreams;
  readonly store: BlobStore;
  fetch(digest: Digest, holders: readonly NodeId[], signal: AbortSignal): Promise<void>;
  /** Resolves at the next change of what is known of jobs or nodes, after `ms` at the latest, or when aborted. */
  changed(ms: number, signal: AbortSignal): Promise<void>;
}

/** Which part of a log. */
export interface RunLogQuery {
  readonly follow: boolean;
  /** Entries after this one. */
  readonly after?: { readonly attempt: number; readonly seq: number };
  /** Only this attempt. */
  readonly attempt?: number;
}

/** Without news from the mesh, look again after this long. */
const LOOK_MS = 5_000;
const STREAMS = { o: "stdout", e: "stderr", s: "system" } as const;

/** Reads `ATTEMPT:SEQ`. Throws `bad_request`. */
export function parsePlace(text: string): { attempt: number; seq: number } {
  const match = /^([1-9][0-9]{0,2}):([0-9]{1,15})$/.exec(text);
  if (match) return { attempt: Number(match[1]), seq: Number(match[2]) };
  throw new RealmError("bad_request", "`after` is ATTEMPT:SEQ of the last entry that you have, as 1:42");
}

/** See the module's text. `run` must be known. */
export async function* readRunLog(
  world: RunLogWorld,
  id: string,
  query: RunLogQuery,
  signal: AbortSignal,
): AsyncGenerator<RunLogView> {
  let number = query.attempt ?? query.after?.attempt ?? 1;
  let seq = query.after?.attempt === number ? query.after.seq : 0;
  while (!signal.aborted) {
    const run = world.core.jobs.runs.get(id)!;
    const decision = run.decision?.value;
    const attempt = decision?.attempts[number - 1];
    if (!attempt) {
      if (!query.follow || (decision && isEnd(decision.state))) return;
      await world.changed(LOOK_MS, signal);
      continue;
    }
    for await (const entry of attemptLog(world, id, attempt, seq, query.follow, signal)) {
      seq = entry.seq;
      yield entry;
    }
    if (query.attempt !== undefined) return;
    number++;
    seq = 0;
  }
}

/** One attempt from entry `after` on, to its end or, without `follow`, to what there is now. */
async function* attemptLog(
  world: RunLogWorld,
  id: string,
  attempt: DecidedAttempt,
  after: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<RunLogView> {
  const { core } = world;
  const node = core.infos.get(attempt.node)?.name ?? attempt.node;
  const view = (e: LogEntry): RunLogView => ({
    run: id,
    attempt: attempt.number,
    seq: e.n,
    at: e.at,
    stream: STREAMS[e.s],
    node,
    text: e.t,
    ...(e.m ? { more: true } : {}),
  });
  const gap = (upTo: number, count: number, text: string): RunLogView => ({
    run: id,
    attempt: attempt.number,
    seq: upTo,
    at: Date.now(),
    stream: "system",
    node,
    text,
    gap: count,
  });
  let last = after;
  /** Passes entries on, each once; what was cut from the middle is told. */
  async function* pass(entries: AsyncIterable<LogEntry>): AsyncGenerator<RunLogView> {
    for await (const entry of entries) {
      if (entry.n <= last) continue;
      const lacking = entry.n - last - 1;
      if (lacking > 0) {
        yield gap(entry.n - 1, lacking, `${lacking} entries were cut here: the log exceeds [logs] max_mb`);
      }
      last = entry.n;
      yield view(entry);
    }
  }
  const started = performance.now();
  while (!signal.aborted) {
    const run = core.jobs.runs.get(id)!;
    const local = attempt.node === core.config.self
      ? await world.attempts.logOf(attempt.id, 0, signal)
      : undefined;
    if (local) {
      try {
        yield* pass(local.read(last, follow, signal));
      } catch (error) {
        if (!(error instanceof LogMoved)) throw error;
        await world.changed(jobTiming.logRetryMs, signal);
        continue;
      }
      // Readers that come while the log is being stored go on with what is stored.
      if (!follow || local.ended) return;
      continue;
    }
    const stored = storedLog(run, attempt);
    if (stored) {
      try {
        if (!await world.store.has(stored.digest)) await world.fetch(stored.digest, [attempt.node], signal);
        yield* pass(readStoredLog(world.store.read(stored.digest), last));
      } catch (error) {
        if (signal.aborted) return;
        const why = error instanceof Error ? error.message : String(error);
        yield gap(last, stored.entries - last, `the log of attempt ${attempt.number} cannot be had: ${why}`);
        return;
      }
      const whole = isEnd(attemptStatus(run, attempt)?.state ?? "");
      if (!whole) yield gap(last, 0, `what was written after this is lost with ${node}`);
      return;
    }
    if (over(core, run, attempt)) {
      yield gap(last, 0, `the log of attempt ${attempt.number} is lost with ${node}, unless that comes back`);
      return;
    }
    if (attempt.node !== core.config.self) {
      let why = "it does not know of it yet; ask again in a moment";
      try {
        const entries = readRemoteLog(world.streams, attempt.node, {
          attempt: attempt.id,
          after: last,
          follow,
        }, signal);
        const result = yield* passResult(entries, pass);
        // It has ended there: what is missing, if anything, is in the stored log, of which the record is on its way.
        if (result && !follow) return;
      } catch (error) {
        // Broken off; where it is to be had now is looked at again.
        why = error instanceof Error ? error.message : String(error);
      }
      if (!follow && performance.now() - started > apiLimits.logPatienceMs) {
        yield gap(last, 0, `more of the log of attempt ${attempt.number} may be on ${node}: ${why}`);
        return;
      }
    }
    if (!follow && attempt.node === core.config.self) return;
    await world.changed(jobTiming.logRetryMs, signal);
  }
}

/** Passes entries on and gives the generator's result. */
async function* passResult(
  entries: AsyncGenerator<LogEntry, boolean>,
  pass: (entries: AsyncIterable<LogEntry>) => AsyncGenerator<RunLogView>,
): AsyncGenerator<RunLogView, boolean> {
  let result = false;
  async function* inner(): AsyncGenerator<LogEntry> {
    result = yield* entries;
  }
  yield* pass(inner());
  return result;
}

/** The stored log when that is all there will be: of an attempt that has ended, or whose node is gone. */
function storedLog(run: RunState, attempt: DecidedAttempt) {
  const status = attemptStatus(run, attempt);
  const decided = run.decision?.value.attempts.find((a) => a.id === attempt.id);
  return status?.log && (isEnd(status.state) || decided?.end) ? status.log : undefined;
}

/** Whether nothing can come any more although no log was stored. */
function over(core: Core, run: RunState, attempt: DecidedAttempt): boolean {
  const decided = run.decision?.value.attempts.find((a) => a.id === attempt.id);
  const state = nodeState(core, attempt.node);
  const gone = state === "unreachable" || state === "left" || state === "removed";
  const status = attemptStatus(run, attempt);
  if (status && isEnd(status.state)) return true;
  return (decided?.end !== undefined && gone) ||
    (decided === undefined && activeAttempt(run)?.id !== attempt.id);
}
