/**
 * `/realm/monitor/1.0.0`: a member asks another for what only that one knows of itself. One question is one line of
 * JSON, its answer another; several may follow each other on one stream, which is how a round trip is measured.
 */
import type { PeerStream, PeerStreams } from "../ports.ts";
import { type ErrorCode, errorTable, monitorLimits, type NodeId, RealmError, utf8 } from "../protocol/mod.ts";
import type { Grid } from "./series.ts";

const PROTOCOL = "/realm/monitor/1.0.0";

/** What can be asked. */
export type PeerQuestion =
  | { readonly ask: "ping" }
  | { readonly ask: "doctor" }
  | { readonly ask: "connections" }
  | { readonly ask: "mounts"; readonly app: string }
  | { readonly ask: "metrics"; readonly kind: "node" | "app"; readonly subject: string; readonly grid: Grid };

/** How this node answers members; what it throws is told as an error. */
export type PeerAnswers = (question: PeerQuestion) => Promise<unknown> | unknown;

const isWhole = (n: unknown, max: number): n is number =>
  typeof n === "number" && Number.isSafeInteger(n) && n >= 0 && n <= max;

/** A question of a form that this version knows; a member's mistake is no reason to fail. */
function questionOf(text: string): PeerQuestion | undefined {
  const q = JSON.parse(text) as Record<string, unknown> | null;
  if (q?.ask === "ping" || q?.ask === "doctor" || q?.ask === "connections") return { ask: q.ask };
  if (q?.ask === "mounts" && typeof q.app === "string") return { ask: "mounts", app: q.app };
  if (q?.ask !== "metrics" || (q.kind !== "node" && q.kind !== "app")) return undefined;
  const g = q.grid as Record<string, unknown> | null | undefined;
  const { sampleMs, coarseMs, points } = monitorLimits;
  if (
    typeof q.subject !== "string" || !isWhole(g?.from, Number.MAX_SAFE_INTEGER) ||
    !isWhole(g?.stepMs, coarseMs) || g.stepMs < sampleMs || !isWhole(g?.count, points + 1) ||
    typeof g?.coarse !== "boolean"
  ) return undefined;
  const { from, stepMs, count, coarse } = g;
  return { ask: "metrics", kind: q.kind, subject: q.subject, grid: { from, stepMs, count, coarse } };
}

/** Lines of a stream, each at most `max` bytes. */
async function* linesOf(stream: PeerStream, max: number): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream.readable) {
    rest += decoder.decode(chunk, { stream: true });
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      yield rest.slice(0, end);
      rest = rest.slice(end + 1);
    }
    if (rest.length > max) throw new RealmError("unavailable", "a line of a member is too long");
  }
}

/** Questions that one stream may hold: a round trip needs three. */
const QUESTIONS = 8;

/** Answers other members. */
export function servePeers(streams: PeerStreams, answer: PeerAnswers): void {
  streams.handle(PROTOCOL, async (stream) => {
    const writer = stream.writable.getWriter();
    let n = 0;
    try {
      for await (const line of linesOf(stream, monitorLimits.questionBytes)) {
        if (++n > QUESTIONS) break;
        const question = questionOf(line);
        let said: unknown;
        try {
          said = question
            ? { value: await answer(question) }
            : { problem: "this node does not know the question: update Realm there" };
        } catch (error) {
          said = error instanceof RealmError
            ? { problem: error.message, code: error.code }
            : { problem: "this node failed to answer" };
        }
        await writer.write(utf8(JSON.stringify(said) + "\n"));
      }
      await writer.close();
    } catch {
      stream.reset();
    }
  });
}

/** What a member said instead of an answer. Its failures are none of this node's. */
function saidInstead({ problem, code }: { readonly problem?: unknown; readonly code?: unknown }): RealmError {
  const known = typeof code === "string" && Object.hasOwn(errorTable, code)
    ? code as ErrorCode
    : "unavailable";
  const ours = known === "internal" || known === "failed" ? "unavailable" : known;
  return new RealmError(ours, String(problem).slice(0, 500));
}

function answerIn(line: string): unknown {
  let said: { value?: unknown; problem?: unknown; code?: unknown } | null;
  try {
    said = JSON.parse(line);
  } catch (cause) {
    throw new RealmError("unavailable", "what it answered is no JSON; update Realm on both", { cause });
  }
  if (said?.problem !== undefined) throw saidInstead(said);
  return said?.value;
}

async function exchange(
  streams: PeerStreams,
  node: NodeId,
  questions: readonly PeerQuestion[],
  ms: number,
): Promise<{ value: unknown; tookMs: number }> {
  const until = AbortSignal.timeout(ms);
  let reset = () => {};
  try {
    const stream = await streams.open(node, PROTOCOL, { signal: until });
    reset = () => stream.reset();
    until.addEventListener("abort", reset);
    const writer = stream.writable.getWriter();
    const lines = linesOf(stream, monitorLimits.answerBytes);
    let value: unknown, tookMs = 0;
    for (const question of questions) {
      const started = performance.now();
      await writer.write(utf8(JSON.stringify(question) + "\n"));
      const { value: line, done } = await lines.next();
      if (done) throw new RealmError("unreachable", "it ended the exchange; try again");
      tookMs = performance.now() - started;
      value = answerIn(line);
    }
    return { value, tookMs };
  } catch (error) {
    if (until.aborted) throw new RealmError("timed_out", `no answer within ${ms / 1000} s`, { cause: error });
    if (error instanceof RealmError) throw error;
    throw new RealmError("unreachable", `the exchange broke off: ${error}`, { cause: error });
  } finally {
    until.removeEventListener("abort", reset);
    reset();
  }
}

/**
 * Asks a member. Throws `unreachable`, `timed_out`, or what it said instead: `unavailable` when it gave no code. The
 * answer is not checked.
 */
export async function askPeer(streams: PeerStreams, node: NodeId, question: PeerQuestion): Promise<unknown> {
  return (await exchange(streams, node, [question], monitorLimits.askMs)).value;
}

/** What a ping tells. */
export interface Pong {
  /** Round trip in milliseconds over an open stream: of the second question of two, so that opening does not count. */
  readonly rttMs: number;
  /** How far the other clock is ahead of this one, milliseconds; exact to half a round trip. Absent: it did not say. */
  readonly aheadMs?: number;
}

/** Measures the way to a member and the difference of the clocks. Throws as {@link askPeer} does. */
export async function ping(streams: PeerStreams, node: NodeId, now: () => number = Date.now): Promise<Pong> {
  const { value, tookMs } = await exchange(
    streams,
    node,
    [{ ask: "ping" }, { ask: "ping" }],
    monitorLimits.rttMs,
  );
  const clock = (value as { clock?: unknown } | null)?.clock;
  const rttMs = Math.round(tookMs * 10) / 10;
  return typeof clock === "number" && Number.isFinite(clock)
    ? { rttMs, aheadMs: Math.round(clock - (now() - tookMs / 2)) }
    : { rttMs };
}
