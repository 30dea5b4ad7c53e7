/** How workers come to be, from source and in a single-file build. */
import type { ChildConfig } from "../process/frames.ts";
import { OutboundRules } from "../host/outbound.ts";

/**
 * Where the worker's code is. In a single-file build there is no file beside this one: there, the build puts the worker's
 * bundled text under this key of the global scope before the child's code runs.
 */
export const WORKER_TEXT = Symbol.for("realm.wasm.worker");

/** URL of the worker's code. */
export function workerUrl(): URL | string {
  const text = (globalThis as Record<symbol, unknown>)[WORKER_TEXT];
  if (typeof text !== "string") return new URL("../worker/main.ts", import.meta.url);
  return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
}

/** Starts a worker that may do what the guests of the run, or of the lot, may do, and no more. */
export function startWorker(config: ChildConfig): Worker {
  const net = OutboundRules.permissions(config.outbound);
  return new Worker(workerUrl(), {
    type: "module",
    name: "guest",
    deno: {
      permissions: {
        read: [...config.lot?.read ?? config.mounts.map(({ host }) => host)],
        write: [
          ...config.lot?.write ?? config.mounts.filter(({ readOnly }) => !readOnly).map(({ host }) => host),
        ],
        net: net.length > 0 ? net : false,
        env: false,
        run: false,
        ffi: false,
        sys: false,
        import: false,
      },
    },
  } as WorkerOptions);
}
