/** `/realm/logs/1.0.0`: a member asks for an app's lines on this node; they travel as JSON lines, live when wished. */
import type { PeerStream, PeerStreams } from "../ports.ts";
import { apiLimits, type LogLineView, type NodeId, RealmError } from "../protocol/mod.ts";
import type { ReplicaLogs } from "./replica_log.ts";
import { unlessSilent } from "./silence.ts";

const PROTOCOL = "/realm/logs/1.0.0";
/** A request is one short line. */
const REQUEST_BYTES = 4_096;

/** What is asked for. */
export interface LogQuery {
  readonly app: string;
  readonly follow: boolean;
  readonly tail: number;
  readonly since?: number;
}

/** Answers other members. */
export function serveLogs(streams: PeerStreams, logs: ReplicaLogs): void {
  streams.handle(PROTOCOL, async (stream) => {
    const end = new AbortController();
    const writer = stream.writable.getWriter();
    writer.closed.catch(() => {}).finally(() => end.abort());
    try {
      const query = await readQuery(stream);
      const encoder = new TextEncoder();
      for await (const line of logs.read(query.app, query, end.signal)) {
        await writer.write(encoder.encode(JSON.stringify(line) + "\n"));
      }
      await writer.close();
    } catch {
      stream.reset();
    }
  });
}

async function readQuery(stream: PeerStream): Promise<LogQuery> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream.readable) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > REQUEST_BYTES) throw new RealmError("too_large", "the log request is too large");
    if (text.includes("\n")) break;
  }
  const { app, follow, tail, since } = JSON.parse(text) as LogQuery;
  return {
    app: String(app),
    follow: follow === true,
    tail: Math.max(0, Math.min(10_000, Number(tail) || 0)),
    ...(typeof since === "number" ? { since } : {}),
  };
}

/** Lines of an app on another node. Throws when it does not answer; without `follow` also when it sends nothing for long. */
export async function* readRemoteLogs(
  streams: PeerStreams,
  node: NodeId,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLineView> {
  const stream = await streams.open(node, PROTOCOL, { signal });
  const reset = () => stream.reset();
  signal.addEventListener("abort", reset);
  try {
    const writer = stream.writable.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify(query) + "\n"));
    const decoder = new TextDecoder();
    let rest = "";
    const reader = stream.readable.getReader(), patience = query.follow ? undefined : apiLimits.logSilenceMs;
    const read = () => unlessSilent(reader.read(), patience);
    for (let r = await read(); !r.done; r = await read()) {
      rest += decoder.decode(r.value, { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line) yield JSON.parse(line) as LogLineView;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", reset);
    stream.reset();
  }
}

/** Merges streams of lines as they come; one that fails says so in a line of its own and ends. */
export async function* mergeLogs(
  sources: readonly { readonly node: string; readonly lines: AsyncIterable<LogLineView> }[],
  sorted: boolean,
): AsyncGenerator<LogLineView> {
  const failed = (node: string, error: unknown): LogLineView => ({
    seq: 0,
    at: Date.now(),
    stream: "system",
    replica: "",
    node,
    text: `the log on ${node} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
  });
  if (sorted) {
    const all: LogLineView[] = [];
    await Promise.all(sources.map(async ({ node, lines }) => {
      try {
        for await (const line of lines) all.push(line);
      } catch (error) {
        all.push(failed(node, error));
      }
    }));
    yield* all.sort((a, b) => a.at - b.at || a.seq - b.seq);
    return;
  }
  type Turn = { source: number; result: IteratorResult<LogLineView> };
  const iterators = sources.map((s) => s.lines[Symbol.asyncIterator]());
  const next = (source: number): Promise<Turn> =>
    iterators[source].next().then(
      (result) => ({ source, result }),
      (error) => ({
        source,
        result: { done: true, value: failed(sources[source].node, error) } as IteratorResult<LogLineView>,
      }),
    );
  const waiting = new Map(iterators.map((_, i) => [i, next(i)]));
  try {
    while (waiting.size > 0) {
      const { source, result } = await Promise.race(waiting.values());
      if (result.value) yield result.value;
      if (result.done) waiting.delete(source);
      else waiting.set(source, next(source));
    }
  } finally {
    for (const iterator of iterators) void iterator.return?.(undefined);
  }
}
