/**
 * What a replica of a service runs: a job's program with a directory of its own, which listens at ports of this machine
 * that only it may use (native), or answers requests itself (wasm).
 */
import type { AttemptOrder, RunOrder } from "../core/mod.ts";
import { type NativeWork, RealmError, type ServiceSpec } from "../protocol/mod.ts";
import type { AttemptWorld } from "./jobs/attempt_world.ts";
import { bringInputs, programFile } from "./jobs/inputs.ts";
import { layOut, programSpec } from "./jobs/native_steps.ts";
import type { ProgramHandle } from "../runtimes/mod.ts";
import { probe } from "./package_workload.ts";
import { describe, type ReplicaHandle, type Workload } from "./replica.ts";
import { type ReplicaMemo, type ServiceAdoption, serviceDirectory } from "./service_adoption.ts";

/** Requests that a wasm service works on at once, and the longest that one may take. */
const WASM = { concurrency: 64, timeoutMs: 60_000 } as const;

/** Fetches what a service needs and lays out its directory; `adoption`: its program runs already, in what is there. */
export async function serviceWorkload(
  world: AttemptWorld,
  order: RunOrder,
  service: ServiceSpec,
  via: string,
  adoption: ServiceAdoption | undefined,
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
  if (!adoption) {
    await world.disk.remove(root);
    await world.disk.makeDirectory(`${root}/tmp`);
    await bringInputs(world, attempt, root, signal, (done, total) => onProgress(done, total, false));
    if (run.native) await layOut(world, attempt, root);
  }
  let adopted = adoption;
  return {
    health: { intervalMs: health.interval_ms, failures: health.failures, startMs: health.start_ms },
    backoffMs: { first: restart.backoff_ms, last: restart.max_backoff_ms },
    ...(restart.policy === undefined ? {} : { restart: restart.policy }),
    graceMs: stop.grace_ms,
    start(onLog, stopped) {
      if (!run.native) return startWasm(world, attempt, service, root, onLog, stopped);
      const taken = adopted;
      adopted = undefined;
      if (taken) return Promise.resolve(adoptNative(taken, service, onLog));
      const revision = order.revision.id;
      return startNative(world, attempt, revision, service, run.native, root, onLog, stopped);
    },
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
  revision: string,
  service: ServiceSpec,
  native: NativeWork,
  root: string,
  ...[onLog, signal]: Start
): Promise<ReplicaHandle> {
  const ports = service.ports.map(({ name, port }) => ({ name, port: freePort(port) }));
  const env: Record<string, string> = environment(order);
  for (const { name, port } of ports) env[`PORT_${name.toUpperCase().replaceAll("-", "_")}`] = String(port);
  if (ports.length > 0) env.PORT = String(ports[0].port);
  const memo: ReplicaMemo = { kind: "replica", replica: order.attempt, revision, ports };
  const output = outputTo(onLog);
  const handle = await world.startProgram(
    order,
    {
      ...programSpec(native, { order, root, env, signal }, native.steps[0].argv, Infinity),
      bind: ports.map((p) => p.port),
      stopSignal: service.stop.signal,
      memo: JSON.stringify(memo),
    },
    output.onLog,
    signal,
  );
  output.keep(handle);
  return nativeReplica(handle, service, ports);
}

/** A program that an agent before this one started. */
function adoptNative(
  { memo, survivor }: ServiceAdoption,
  service: ServiceSpec,
  onLog: Start[0],
): ReplicaHandle {
  const output = outputTo(onLog);
  // From the last line on that is known to be in the log.
  const handle = survivor.adopt({ stdout: 0, stderr: 0 }, output.onLog);
  output.keep(handle);
  return nativeReplica(handle, service, memo.ports);
}

function nativeReplica(
  handle: ProgramHandle,
  { health }: ServiceSpec,
  [first]: ReplicaMemo["ports"],
): ReplicaHandle {
  const { lasting } = handle;
  void handle.exit.then(() => lasting?.release());
  return {
    exit: handle.exit,
    stop: (graceMs) => handle.stop(graceMs),
    stats: () => handle.stats(),
    ...(lasting ? { leave: () => lasting.leave() } : {}),
    ...(first ? { connect: { hostname: "127.0.0.1", port: first.port } } : {}),
    probe: async (ended) => first && await askPort(first.port, health, ended),
  };
}

const LINE_END = 10;
/** A line this long is as good as kept. */
const LONG_LINE = 64 * 1024;

/** The way of a program's output into the log: whole lines are kept, the last unfinished one is told again. */
function outputTo(onLog: Start[0]): { readonly onLog: Start[0]; keep(handle: ProgramHandle): void } {
  const kept = { stdout: 0, stderr: 0 };
  let lasting: ProgramHandle["lasting"];
  return {
    onLog(chunk) {
      onLog(chunk);
      const { stream, end, bytes } = chunk;
      if (stream === "system" || end === undefined) return;
      const last = bytes.lastIndexOf(LINE_END);
      if (last >= 0) kept[stream] = end - (bytes.length - last - 1);
      else if (end - kept[stream] > LONG_LINE) kept[stream] = end;
      lasting?.kept(kept);
    },
    keep(handle) {
      lasting = handle.lasting;
      lasting?.kept(kept);
    },
  };
}

/** The port that was wished for when nobody has it, else any that is free. */
function freePort(wished: number): number {
  for (const port of [wished, 0]) {
    try {
      // Closed by hand: the bundler's minifier drops a `using` whose value is used once.
      const listener = Deno.listen({ hostname: "127.0.0.1", port });
      const free = listener.addr.port;
      listener.close();
      return free;
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
