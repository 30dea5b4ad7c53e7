/** Runs one preview 1 guest in a worker whose permissions are its mounts, and reports output and end. */
import { GuestFs, symlinkClient } from "../../agent/runtimes/wasm/fs/mod.ts";
import { createPreview1, preview1Module, ringSource } from "../../agent/runtimes/wasm/preview1/mod.ts";
import type { RuntimeMount } from "../../agent/runtimes/runtime.ts";

/** What the worker is told. */
export interface GuestJob {
  readonly module: WebAssembly.Module;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly RuntimeMount[];
  readonly symlinks: MessagePort;
  readonly stdin: SharedArrayBuffer;
  readonly shared?: SharedArrayBuffer;
  readonly owner?: number;
  readonly deterministicSeed?: number;
  readonly fixedTimeNs?: bigint;
}
/** What it says. */
export type GuestMessage =
  | { readonly type: "output"; readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }
  | { readonly type: "exit"; readonly code: number }
  | { readonly type: "trap"; readonly message: string };

const worker = self as unknown as {
  onmessage: (event: MessageEvent<GuestJob>) => void;
  postMessage(message: GuestMessage): void;
};

worker.onmessage = ({ data: job }) => {
  const sink = (stream: "stdout" | "stderr") => (bytes: Uint8Array) =>
    worker.postMessage({ type: "output", stream, bytes: bytes.slice() });
  try {
    const host = createPreview1({
      args: job.args,
      env: job.env,
      fs: new GuestFs({
        mounts: job.mounts,
        makeSymlink: symlinkClient(job.symlinks),
        ...(job.shared === undefined ? {} : { shared: job.shared, owner: job.owner ?? 1 }),
        ...(job.fixedTimeNs === undefined ? {} : { fixedTimeNs: job.fixedTimeNs }),
      }),
      stdin: ringSource(job.stdin),
      stdout: sink("stdout"),
      stderr: sink("stderr"),
      ...(job.deterministicSeed === undefined ? {} : { deterministicSeed: job.deterministicSeed }),
    });
    const instance = new WebAssembly.Instance(job.module, { [preview1Module]: host.imports });
    worker.postMessage({ type: "exit", code: host.run(instance) });
  } catch (error) {
    worker.postMessage({ type: "trap", message: String(error) });
  }
};
