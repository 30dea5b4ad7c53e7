/**
 * Logs of replicas: appended to a file per app, two generations kept, the newest lines in memory for quick answers and
 * live followers. A slow follower loses lines and is told how many; the workload never waits.
 */
import type { LogLineView } from "../protocol/mod.ts";
import type { LogChunk } from "../ports.ts";

/** Lines kept in memory per app. */
const MEMORY_LINES = 2_000;
/** A file this large is put aside as `.1`; one older generation is kept. */
const FILE_BYTES = 8 * 1024 * 1024;
/** Lines that a follower may lag behind. */
const FOLLOWER_LINES = 5_000;
/** Longer lines are cut. */
const LINE_BYTES = 16 * 1024;

interface AppLog {
  readonly lines: LogLineView[];
  readonly followers: Set<(line: LogLineView) => void>;
  file: Deno.FsFile | undefined;
  bytes: number;
  /** Unfinished last line by replica and stream. */
  readonly partial: Map<string, string>;
}

/** See the module's text. */
export class ReplicaLogs implements Disposable {
  readonly #apps = new Map<string, AppLog>();
  readonly #directory: string;
  readonly #nodeName: () => string;
  readonly #encoder = new TextEncoder();
  readonly #decoders = new Map<string, TextDecoder>();
  #seq = Date.now() * 1_000;

  constructor(directory: string, nodeName: () => string) {
    this.#directory = directory;
    this.#nodeName = nodeName;
    Deno.mkdirSync(directory, { recursive: true });
  }

  #app(name: string): AppLog {
    let app = this.#apps.get(name);
    if (!app) {
      app = {
        lines: this.#remembered(name),
        followers: new Set(),
        file: undefined,
        bytes: 0,
        partial: new Map(),
      };
      this.#apps.set(name, app);
    }
    return app;
  }

  /** Last lines from before a restart. */
  #remembered(name: string): LogLineView[] {
    try {
      const text = Deno.readTextFileSync(`${this.#directory}/${name}.log`);
      return text.split("\n").slice(-MEMORY_LINES - 1).flatMap((line) => {
        try {
          return line ? [JSON.parse(line) as LogLineView] : [];
        } catch {
          return []; // the line that a crash cut
        }
      });
    } catch {
      return [];
    }
  }

  /** Takes in what a replica wrote. */
  write(app: string, replica: string, chunk: LogChunk): void {
    const key = `${app} ${replica} ${chunk.stream}`;
    let decoder = this.#decoders.get(key);
    if (!decoder) this.#decoders.set(key, decoder = new TextDecoder());
    const log = this.#app(app);
    const text = (log.partial.get(key) ?? "") + decoder.decode(chunk.bytes, { stream: true });
    const lines = text.split("\n");
    const rest = lines.pop()!;
    log.partial.set(key, rest.length > LINE_BYTES ? "" : rest);
    if (rest.length > LINE_BYTES) lines.push(rest);
    for (const line of lines) this.#line(app, log, replica, chunk, line);
  }

  /** A line by Realm itself about a replica. */
  note(app: string, replica: string, text: string): void {
    this.write(app, replica, { stream: "system", at: Date.now(), bytes: this.#encoder.encode(text + "\n") });
  }

  /** A replica has ended: its unfinished lines count as lines. */
  end(app: string, replica: string): void {
    const log = this.#app(app);
    for (const stream of ["stdout", "stderr", "system"] as const) {
      const key = `${app} ${replica} ${stream}`;
      const rest = log.partial.get(key);
      if (rest) this.#line(app, log, replica, { stream, at: Date.now(), bytes: new Uint8Array() }, rest);
      log.partial.delete(key);
      this.#decoders.delete(key);
    }
  }

  #line(name: string, log: AppLog, replica: string, chunk: LogChunk, text: string): void {
    const cut = text.length > LINE_BYTES
      ? `${text.slice(0, LINE_BYTES)}… (${text.length - LINE_BYTES} characters cut)`
      : text;
    const line: LogLineView = {
      seq: ++this.#seq,
      at: chunk.at,
      stream: chunk.stream,
      replica,
      node: this.#nodeName(),
      text: cut,
    };
    log.lines.push(line);
    if (log.lines.length > 2 * MEMORY_LINES) log.lines.splice(0, log.lines.length - MEMORY_LINES);
    for (const follower of log.followers) follower(line);
    this.#append(name, log, this.#encoder.encode(JSON.stringify(line) + "\n"));
  }

  #append(name: string, log: AppLog, bytes: Uint8Array): void {
    const path = `${this.#directory}/${name}.log`;
    try {
      if (!log.file) {
        log.file = Deno.openSync(path, { append: true, create: true });
        log.bytes = log.file.statSync().size;
      }
      log.file.writeSync(bytes);
      log.bytes += bytes.length;
      if (log.bytes < FILE_BYTES) return;
      log.file.close();
      log.file = undefined;
      Deno.renameSync(path, `${path}.1`);
    } catch {
      // A full disk loses log lines from the file, not from memory, and never the workload.
      log.file = undefined;
    }
  }

  /** The newest `count` lines of an app, of one replica when named. */
  tail(app: string, count: number, replica?: string): LogLineView[] {
    const lines = this.#app(app).lines;
    return (replica === undefined ? lines : lines.filter((l) => l.replica === replica)).slice(-count);
  }

  /** The newest lines, then (when `follow`) every new one until aborted. */
  async *read(
    app: string,
    options: { follow: boolean; tail: number; since?: number },
    signal: AbortSignal,
  ): AsyncGenerator<LogLineView> {
    const queue: LogLineView[] = this.tail(app, options.tail).filter((l) =>
      options.since === undefined || l.at >= options.since
    );
    let wake: (() => void) | undefined;
    let lost = 0;
    const follower = (line: LogLineView) => {
      if (queue.length >= FOLLOWER_LINES) lost++;
      else queue.push(line);
      wake?.();
    };
    const log = this.#app(app);
    if (options.follow) log.followers.add(follower);
    const onAbort = () => wake?.();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        for (let line = queue.shift(); line; line = queue.shift()) yield line;
        if (lost > 0) {
          yield {
            seq: this.#seq,
            at: Date.now(),
            stream: "system",
            replica: "",
            node: this.#nodeName(),
            text: `${lost} lines were left out: this reader is too slow`,
          };
          lost = 0;
        }
        if (!options.follow) return;
        if (queue.length === 0 && !signal.aborted) await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      log.followers.delete(follower);
      signal.removeEventListener("abort", onAbort);
    }
  }

  [Symbol.dispose](): void {
    for (const app of this.#apps.values()) app.file?.close();
    this.#apps.clear();
  }
}
