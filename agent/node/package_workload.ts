/** What a replica of a packaged app runs: its component over its mounts, or only its files. */
import type { RunOrder } from "../core/mod.ts";
import type { RunHandle, RunSpec, RuntimeMount } from "../runtimes/mod.ts";
import type { LogChunk } from "../ports.ts";
import type { AppManifest } from "../protocol/mod.ts";
import { describe, type ReadyPackage, type Workload } from "./replica.ts";

/** Health checks of packaged apps. */
const HEALTH = { startMs: 30_000, intervalMs: 5_000, failures: 3 } as const;
/** Time for the answer of one. */
const PROBE_MS = 3_000;
/** Restart back-off, in milliseconds. */
const BACKOFF_MS = { first: 500, last: 30_000 } as const;

/** What packaged apps need of their node. */
export interface PackageHost {
  readonly cacheDir: string;
  prepareMounts(manifest: AppManifest, order: RunOrder, dir: string): Promise<readonly RuntimeMount[]>;
  startRun(spec: RunSpec, onLog: (chunk: LogChunk) => void, signal: AbortSignal): Promise<RunHandle>;
}

/** Asks a guest for one path; what is wrong with the answer, if anything is. */
export async function probe(
  handle: RunHandle,
  path: string,
  timeoutMs: number,
  below: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const response = await handle.fetch(new Request(`http://health.invalid${path}`, { signal: limit }));
    await response.body?.cancel();
    return response.status < below ? undefined : `${path} answered ${response.status}`;
  } catch (error) {
    return `${path}: ${describe(error)}`;
  }
}

/** See the module's text. */
export function packageWorkload(host: PackageHost, order: RunOrder, ready: ReadyPackage): Workload {
  const { manifest, dir } = ready;
  const { component } = manifest;
  const common = { package: ready, health: HEALTH, backoffMs: BACKOFF_MS };
  if (!component) return common;
  return {
    ...common,
    async start(onLog, signal) {
      const mounts = await host.prepareMounts(manifest, order, dir);
      const handle = await host.startRun(
        {
          id: order.replica,
          mode: "http",
          wasm: `${dir}/${component.wasm}`,
          digest: component.sha256,
          cacheDir: host.cacheDir,
          args: component.args,
          env: {
            ...manifest.env,
            REALM_APP: order.app,
            REALM_REPLICA: order.replica,
            REALM_VERSION: manifest.version,
          },
          mounts,
          memoryMb: component.memoryMb,
          maxConcurrency: component.maxConcurrency,
          timeoutMs: component.timeoutMs,
          instance: component.instance,
          outbound: manifest.outbound,
        },
        onLog,
        signal,
      );
      const path = manifest.http?.health;
      return {
        exit: handle.exit,
        stop: (graceMs) => handle.stop(graceMs),
        stats: () => handle.stats(),
        serve: (call) => handle.serve(call),
        probe: async (stop) =>
          path === undefined ? undefined : await probe(handle, path, PROBE_MS, 400, stop),
      };
    },
  };
}
