/** Runs a preview 1 module as the runtime does: memory ceiling, scoped worker, stdin ring, symlinks by this thread. */
import { concatBytes } from "../../agent/protocol/encoding.ts";
import { serveSymlinks } from "../../agent/runtimes/wasm/fs/mod.ts";
import { limitMemory } from "../../agent/runtimes/wasm/memory_limit.ts";
import { createStdinRing, ringWriter } from "../../agent/runtimes/wasm/preview1/mod.ts";
import type { RuntimeMount } from "../../agent/runtimes/runtime.ts";
import type { GuestJob, GuestMessage } from "./guest_worker.ts";

/** What to run. */
export interface GuestRun {
  readonly wasm: Uint8Array;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly mounts?: readonly RuntimeMount[];
  /** Sent before the start, unless `stdinAfter` is given. */
  readonly stdin?: Uint8Array;
  /** Sent once stdout has begun with this text. */
  readonly stdinAfter?: string;
  readonly memoryMb?: number;
  readonly deterministicSeed?: number;
  readonly fixedTimeNs?: bigint;
  readonly shared?: SharedArrayBuffer;
  readonly owner?: number;
  readonly timeoutMs?: number;
}
/** How it went. `code` or `trap`, or neither when it did not end in time. */
export interface GuestResult {
  readonly code?: number;
  readonly trap?: string;
  readonly stdout: string;
  readonly stderr: string;
}

const STDIN_BYTES = 65_536;
const DEFAULT_TIMEOUT_MS = 60_000;

/** Runs it to its end. */
export async function runGuest(run: GuestRun): Promise<GuestResult> {
  const mounts = run.mounts ?? [];
  const limited = limitMemory(run.wasm, run.memoryMb ?? 256);
  const module = await WebAssembly.compile(limited.bytes as Uint8Array<ArrayBuffer>);
  const worker = new Worker(new URL("guest_worker.ts", import.meta.url), {
    type: "module",
    deno: {
      permissions: {
        read: mounts.map((m) => m.host),
        write: mounts.filter((m) => !m.readOnly).map((m) => m.host),
        net: false,
        env: false,
        run: false,
        ffi: false,
        sys: false,
        import: false,
      },
    },
  });
  const symlinks = new MessageChannel();
  serveSymlinks(symlinks.port1, mounts);
  const ring = createStdinRing(STDIN_BYTES);
  const stopStdin = new AbortController();
  let feeding: Promise<void> | undefined;
  const feed = () =>
    feeding ??= (async () => {
      const writer = ringWriter(ring);
      try {
        if (run.stdin !== undefined) await writer.write(run.stdin, stopStdin.signal);
      } catch { /* the guest ended without reading it */ }
      writer.end();
    })();
  const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const textOf = (stream: "stdout" | "stderr") => new TextDecoder().decode(concatBytes(...output[stream]));
  const { promise, resolve } = Promise.withResolvers<Omit<GuestResult, "stdout" | "stderr">>();
  const timer = setTimeout(() => resolve({}), run.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  worker.onmessage = ({ data }: MessageEvent<GuestMessage>) => {
    if (data.type === "output") {
      output[data.stream].push(data.bytes);
      if (run.stdinAfter !== undefined && textOf("stdout").startsWith(run.stdinAfter)) feed();
    } else resolve(data.type === "exit" ? { code: data.code } : { trap: data.message });
  };
  worker.onerror = (event) => {
    event.preventDefault();
    resolve({ trap: event.message });
  };
  const { stdin: _stdin, ...rest } = run;
  const job: GuestJob = {
    ...pick(rest, ["shared", "owner", "deterministicSeed", "fixedTimeNs"]),
    module,
    args: run.args ?? ["guest"],
    env: run.env ?? {},
    mounts,
    symlinks: symlinks.port2,
    stdin: ring,
  };
  worker.postMessage(job, [symlinks.port2]);
  if (run.stdinAfter === undefined) feed();
  try {
    const end = await promise;
    return { ...end, stdout: textOf("stdout"), stderr: textOf("stderr") };
  } finally {
    clearTimeout(timer);
    stopStdin.abort();
    await feeding;
    symlinks.port1.close();
    worker.terminate();
  }
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.filter((k) => from[k] !== undefined).map((k) => [k, from[k]])) as Pick<T, K>;
}
