/**
 * What a replica of a service runs: a job's program with a directory of its own, which listens at ports of this machine
 * that only it may use (native), or answers requests itself (wasm).
 */
import type { AttemptOrder, RunOrder } from "../core/mod.ts";
import { type NativeWork, RealmError, type ServiceSpec } from "../protocol/mod.ts";
import type { AttemptWorld } from "./jobs/attempt_world.ts";
import { bringInputs, programFile } from "./jobs/inputs.ts";
import { layOut, programSpec } from "./jobs/native_steps.ts";
import { probe } from "./package_workload.ts";
import { describe, type ReplicaHandle, type Workload } from "./replica.ts";

/** Directory of a replica's files; its program sees it as `/`. */
export const serviceDirectory = (dataDir: string, replica: string): string =>
  `${dataDir}/work/services/${replica}/files`;

/** Requests that a wasm service works on at once, and the longest that one may take. */
const WASM = { concurrency: 64, timeoutMs: 60_000 } as const;

/** Fetches what a service needs and lays out its directory. */
export async function serviceWorkload(
  world: AttemptWorld,
  order: RunOrder,
  service: ServiceSpec,
  via: string,
  onProgress: (done: number, total: number, verifying: boolean) => void,
  signal: AbortSignal,
): Promise<Workload> {
  const { run, health, restart, stop } = service;
  const root = serviceDirectory(world.dataDir, order.replica);
  const attempt: AttemptOrder = {
    attempt: order.replica,
    run: order.app,
    number: 1,
    epoch: order.epoch,
    spec: run,
    by: order.revision.by,
    via,
    inputs: run.inputs.flatMap((input) => {
      if (input.from !== "blob") return [];
      const { digest, bytes, form, mount, read_only } = input;
      return [{ digest, bytes, form, mount, readOnly: read_only }];
    }),
  };
  await world.disk.remove(root);
  await world.disk.makeDirectory(`${root}/tmp`);
  await bringInputs(world, attempt, root, signal, (done, total) => onProgress(done, total, false));
  if (run.native) await layOut(world, attempt, root);
  return {
    health: { intervalMs: health.interval_ms, failures: health.failures, startMs: health.start_ms },
    backoffMs: { first: restart.backoff_ms, last: restart.max_backoff_ms },
    graceMs: stop.grace_ms,
    start: (onLog, stopped) =>
      run.native
        ? startNative(world, attempt, service, run.native, root, onLog, stopped)
        : startWasm(world, attempt, service, root, onLog, stopped),
  };
}

type Start = Parameters<NonNullable<Workload["start"]>>;

const environment = ({ spec, run, attempt }: AttemptOrder) => ({
  ...spec.env,
  REALM_JOB: spec.job,
  REALM_APP: run,
  REALM_REPLICA: attempt,
});

async function startNative(
  world: AttemptWorld,
  order: AttemptOrder,
  { ports, health, stop }: ServiceSpec,
  native: NativeWork,
  root: string,
  ...[onLog, signal]: Start
): Promise<ReplicaHandle> {
  const given = ports.map(({ name, port }) => ({ name, port: freePort(port) }));
  const env: Record<string, string> = environment(order);
  for (const { name, port } of given) env[`PORT_${name.toUpperCase().replaceAll("-", "_")}`] = String(port);
  if (given.length > 0) env.PORT = String(given[0].port);
  const at = { order, root, env, signal, note: () => {}, onLog, started: () => {} };
  const handle = await world.startProgram(
    order,
    {
      ...programSpec(native, at, native.steps[0].argv, Infinity),
      bind: given.map((p) => p.port),
      stopSignal: stop.signal,
    },
    onLog,
    signal,
  );
  const [first] = given;
  return {
    exit: handle.exit,
    stop: (graceMs) => handle.stop(graceMs),
    stats: () => handle.stats(),
    ...(first ? { connect: { hostname: "127.0.0.1", port: first.port } } : {}),
    probe: async (ended) => first && await askPort(first.port, health, ended),
  };
}

/** The port that was wished for when nobody has it, else any that is free. */
function freePort(wished: number): number {
  for (const port of [wished, 0]) {
    try {
      using listener = Deno.listen({ hostname: "127.0.0.1", port });
      return listener.addr.port;
    } catch { /* taken, or not for this user */ }
  }
  throw new RealmError("unavailable", "this node has no free port");
}

async function askPort(
  port: number,
  { path, timeout_ms }: ServiceSpec["health"],
  signal: AbortSignal,
): Promise<string | undefined> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.max(1, timeout_ms))]);
  if (path === undefined) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port, signal: limit })).close();
      return undefined;
    } catch (error) {
      return `port ${port}: ${describe(error)}`;
    }
  }
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      signal: limit,
      redirect: "manual",
      headers: { connection: "close" },
    });
    await response.body?.cancel();
    return response.ok ? undefined : `${path} answered ${response.status}`;
  } catch (error) {
    return `${path}: ${describe(error)}`;
  }
}

async function startWasm(
  world: AttemptWorld,
  order: AttemptOrder,
  { run, health }: ServiceSpec,
  root: string,
  ...[onLog, signal]: Start
): Promise<ReplicaHandle> {
  const wasm = await programFile(world, run.program!.digest);
  const handle = await world.startRun(
    {
      id: order.attempt,
      mode: "http",
      wasm,
      digest: run.program!.digest,
      cacheDir: `${world.dataDir}/cache/wasm`,
      args: [run.program!.name, ...run.args],
      env: environment(order),
      mounts: [{ guest: "/", host: root, readOnly: false, quotaBytes: run.disk_mb * 1024 * 1024 }],
      memoryMb: run.memory_mb,
      maxConcurrency: WASM.concurrency,
      timeoutMs: WASM.timeoutMs,
      instance: "reuse",
      outbound: [],
    },
    onLog,
    signal,
  );
  const { path, timeout_ms } = health;
  return {
    exit: handle.exit,
    stop: (graceMs) => handle.stop(graceMs),
    stats: () => handle.stats(),
    serve: (call) => handle.serve(call),
    probe: async (ended) =>
      path === undefined ? undefined : await probe(handle, path, timeout_ms, 300, ended),
  };
}
