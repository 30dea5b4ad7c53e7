/** `/realm/joblog/1.0.0`: a member asks for the log of an attempt that executes here; entries travel as JSON lines. */
import type { PeerStream, PeerStreams } from "../../ports.ts";
import { apiLimits, jobLimits, type NodeId, RealmError } from "../../protocol/mod.ts";
import { unlessSilent } from "../silence.ts";
import type { Attempts } from "./attempts.ts";
import type { LogEntry } from "./job_log.ts";

const PROTOCOL = "/realm/joblog/1.0.0";
/** The decision that an attempt executes here may reach its reader before it reaches us. */
const BEGIN_MS = 2_000;
/** Entries sent in one write. */
const BATCH_BYTES = 64 * 1024;

interface Request {
  readonly attempt: string;
  readonly after: number;
  readonly follow: boolean;
}

/** Answers other members: a line `{"here":false}` when the attempt is not here, else its entries. */
export function serveJobLogs(streams: PeerStreams, attempts: Attempts): void {
  const encoder = new TextEncoder();
  streams.handle(PROTOCOL, async (stream) => {
    const end = new AbortController();
    const writer = stream.writable.getWriter();
    writer.closed.catch(() => {}).finally(() => end.abort());
    try {
      const request = await readRequest(stream);
      const log = await attempts.logOf(request.attempt, BEGIN_MS, end.signal);
      await writer.write(encoder.encode(`{"here":${log !== undefined}}\n`));
      let batch = "", last = request.after;
      for await (const entry of log?.read(request.after, request.follow, end.signal) ?? []) {
        batch += JSON.stringify(entry) + "\n";
        last = entry.n;
        // What is there already goes together; what comes now goes at once.
        if (batch.length < BATCH_BYTES && last < log!.entries) continue;
        await writer.write(encoder.encode(batch));
        batch = "";
      }
      if (batch !== "") await writer.write(encoder.encode(batch));
      await writer.close();
    } catch {
      stream.reset();
    }
  });
}

async function readRequest(stream: PeerStream): Promise<Request> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream.readable) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > jobLimits.logRequestBytes) {
      throw new RealmError("too_large", "the log request is too large");
    }
    if (text.includes("\n")) break;
  }
  const { attempt, after, follow } = JSON.parse(text) as Partial<Request>;
  return { attempt: String(attempt), after: Math.max(0, Number(after) || 0), follow: follow === true };
}

/**
 * Entries of an attempt that executes on `node`. Returns `false` when it is not there, `true` at the log's end; throws
 * when the connection breaks, without `follow` also when it sends nothing for long.
 */
export async function* readRemoteLog(
  streams: PeerStreams,
  node: NodeId,
  request: Request,
  signal: AbortSignal,
): AsyncGenerator<LogEntry, boolean> {
  const stream = await streams.open(node, PROTOCOL, { signal });
  const reset = () => stream.reset();
  signal.addEventListener("abort", reset);
  try {
    const writer = stream.writable.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
    const decoder = new TextDecoder();
    let rest = "", here: boolean | undefined;
    const reader = stream.readable.getReader(),
      patience = request.follow ? undefined : apiLimits.logSilenceMs;
    const read = () => unlessSilent(reader.read(), patience);
    for (let r = await read(); !r.done; r = await read()) {
      const lines = (rest + decoder.decode(r.value, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (here === undefined) here = (JSON.parse(line) as { here: boolean }).here === true;
        else yield JSON.parse(line) as LogEntry;
      }
    }
    return here ?? false;
  } finally {
    signal.removeEventListener("abort", reset);
    stream.reset();
  }
}
