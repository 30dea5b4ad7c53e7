/** Mesh nodes as child processes, for tests and benchmarks. */
import { TextLineStream } from "./text_lines.ts";

/** A running child. */
export interface MeshChild {
  readonly pid: number;
  readonly addresses: readonly string[];
  /** Milliseconds from its first line to a started mesh. */
  readonly startMs: number;
  readonly lines: Record<string, unknown>[];
  /** SIGKILL. */
  kill(): void;
  /** Closes stdin; gives the exit code once it ended by itself. */
  end(): Promise<number>;
}

/** Starts a node; resolves once it listens. */
export async function startMeshChild(given: {
  readonly key: number;
  readonly members: readonly string[];
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly neighbours?: readonly string[];
}, flags: readonly string[] = []): Promise<MeshChild> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      ...flags,
      new URL("./mesh_child.ts", import.meta.url).pathname,
      JSON.stringify({ addresses: {}, ...given }),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines: Record<string, unknown>[] = [];
  const ready = Promise.withResolvers<{ addresses: readonly string[]; startMs: number }>();
  (async () => {
    for await (
      const line of child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
    ) {
      const value = JSON.parse(line);
      lines.push(value);
      if (value.addresses) ready.resolve(value);
    }
    ready.reject(new Error("the child ended early"));
  })().catch(ready.reject);
  return {
    ...await ready.promise,
    pid: child.pid,
    lines,
    kill: () => child.kill("SIGKILL"),
    async end() {
      await child.stdin.close().catch(() => {});
      return (await child.status).code;
    },
  };
}
