/**
 * What a replica of a service runs: a job's program with a directory of its own, which listens at ports of this machine
 * that only it may use (native), or answers requests itself (wasm).
 */
import type { AttemptOrder, OrderedInput, RunOrder } from "../core/mod.ts";
import type { NativeWork, ServiceSpec } from "../protocol/mod.ts";
import { checkOutAll } from "./jobs/git_inputs.ts";
import { bringInputs, programFile } from "./jobs/inputs.ts";
import { layOut, programSpec } from "./jobs/native_steps.ts";
import { type GivenSecrets, removeSecrets } from "./jobs/run_secrets.ts";
import { secretMounts, secretPaths } from "./jobs/wasm_work.ts";
import type { ProgramHandle } from "../runtimes/mod.ts";
import { probe } from "./package_workload.ts";
import { describe, type PrepareNews, type ReplicaHandle, type Workload } from "./replica.ts";
import {
  endSurvivor,
  replicaDirectory,
  type ReplicaMemo,
  type ServiceAdoption,
  serviceDirectory,
} from "./service_adoption.ts";
import { type HiddenLog, ServiceSecrets, type ServiceWorld } from "./service_secrets.ts";

/** How often it is said that a repository is still being fetched. */
const FETCHING_MS = 5_000;
/** Requests that a wasm service works on at once, and the longest that one may take. */
const WASM = { concurrency: 64, timeoutMs: 60_000 } as const;

/** A replica as what runs of jobs are. */
const attemptOf = (order: RunOrder, { run }: ServiceSpec, via: string): AttemptOrder => ({
  attempt: order.replica,
  run: order.app,
  number: 1,
  epoch: order.epoch,
  spec: run,
  by: order.revision.by,
  via,
  inputs: run.inputs.flatMap((input): OrderedInput[] => {
    if (input.from === "job") return [];
    if (input.from === "git") {
      const commit = input.commit ?? order.commits?.[input.mount];
      return [{ git: { ...input, ...(commit === undefined ? {} : { commit }) }, mount: input.mount }];
    }
    const { digest, bytes, form, mount, read_only } = input;
    return [{ digest, bytes, form, mount, readOnly: read_only }];
  }),
});

/** Removes everything of a replica that has ended. */
export async function clearService(
  world: ServiceWorld,
  order: RunOrder,
  service: ServiceSpec,
): Promise<void> {
  await removeSecrets(world, attemptOf(order, service, ""));
  await world.disk.remove(replicaDirectory(world.dataDir, order.replica));
}

/** Fetches what a service needs and lays out its directory; `adoption`: its program runs already, in what is there. */
export async function serviceWorkload(
  world: ServiceWorld,
  order: RunOrder,
  service: ServiceSpec,
  via: string,
  adoption: ServiceAdoption | undefined,
  news: PrepareNews,
  signal: AbortSignal,
): Promise<Workload> {
  const { run, health, restart, stop } = service;
  const root = serviceDirectory(world.dataDir, order.replica);
  const attempt = attemptOf(order, service, via);
  const secrets = new ServiceSecrets(world, attempt);
  let commits = order.commits;
  let adopted = adoption && await takeOver(adoption, secrets);
  if (adopted) commits ??= adopted.memo.commits;
  else {
    commits = await layOutAll(world, attempt, root, secrets, news, signal).catch((error) => {
      throw secrets.hideIn(error);
    });
  }
  if (commits) news.commits(commits);
  const replica: StartedReplica = { world, order: attempt, service, root, secrets };
  const about = { replica: order.replica, revision: order.revision.id, ...(commits ? { commits } : {}) };
  return {
    health: { intervalMs: health.interval_ms, failures: health.failures, startMs: health.start_ms },
    backoffMs: { first: restart.backoff_ms, last: restart.max_backoff_ms },
    ...(restart.policy === undefined ? {} : { restart: restart.policy }),
    graceMs: stop.grace_ms,
    start(onLog, stopped) {
      if (!run.native) return startWasm(replica, onLog, stopped);
      const taken = adopted;
      adopted = undefined;
      if (taken) return Promise.resolve(adoptNative(taken, service, secrets.hide(onLog)));
      return startNative(replica, run.native, about, onLog, stopped);
    },
  };
}

/** A program that can be gone on with: it has the secrets that it would be given now. Any other is ended. */
async function takeOver(
  adoption: ServiceAdoption,
  secrets: ServiceSecrets,
): Promise<ServiceAdoption | undefined> {
  try {
    if (secrets.areStill(adoption.memo.secrets)) {
      await secrets.giveAgain();
      return adoption;
    }
  } catch (error) {
    await endSurvivor(adoption);
    throw error;
  }
  await endSurvivor(adoption);
}

/** Fetches everything and lays it out; resolves with what its repositories stand for, where it has some. */
async function layOutAll(
  world: ServiceWorld,
  attempt: AttemptOrder,
  root: string,
  secrets: ServiceSecrets,
  news: PrepareNews,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>> | undefined> {
  await world.disk.remove(root);
  await world.disk.makeDirectory(`${root}/tmp`);
  await bringInputs(world, attempt, root, signal, (done, total) => news.progress(done, total, false));
  let commits: Readonly<Record<string, string>> | undefined;
  // Git says nothing while it fetches; it has bounds of its own.
  const busy = setInterval(() => news.progress(0, 0, false), FETCHING_MS);
  try {
    await checkOutAll(world.git, attempt, secrets.open, root, signal, (found) => {
      commits = found;
      news.commits(found);
    });
  } finally {
    clearInterval(busy);
  }
  if (attempt.spec.native) await layOut(world, attempt, root);
  return commits;
}

/** What a start of a replica needs. */
interface StartedReplica {
  readonly world: ServiceWorld;
  readonly order: AttemptOrder;
  readonly service: ServiceSpec;
  readonly root: string;
  readonly secrets: ServiceSecrets;
}

type Start = Parameters<NonNullable<Workload["start"]>>;

const environment = ({ spec, run, attempt }: AttemptOrder, given: GivenSecrets) => ({
  ...spec.env,
  ...given.env,
  REALM_JOB: spec.job,
  REALM_APP: run,
  REALM_REPLICA: attempt,
});

async function startNative(
  replica: StartedReplica,
  native: NativeWork,
  about: Pick<ReplicaMemo, "replica" | "revision" | "commits">,
  ...start: Start
): Promise<ReplicaHandle> {
  const { world, service } = replica;
  const lease = world.ports.reserve(service.ports);
  try {
    const handle = await startProgram(
      replica,
      native,
      { kind: "replica", ...about, ports: lease.ports },
      ...start,
    );
    void handle.exit.finally(lease.release);
    return nativeReplica(handle, service, lease.ports);
  } catch (error) {
    lease.release();
    throw error;
  }
}

async function startProgram(
  { world, order, service, root, secrets }: StartedReplica,
  native: NativeWork,
  about: ReplicaMemo,
  ...[onLog, signal]: Start
): Promise<ProgramHandle> {
  const { ports } = about;
  const versions = secrets.versions();
  const given = await secrets.give();
  const env: Record<string, string> = environment(order, given);
  for (const { name, port } of ports) env[`PORT_${name.toUpperCase().replaceAll("-", "_")}`] = String(port);
  if (ports.length > 0) env.PORT = String(ports[0].port);
  const memo: ReplicaMemo = { ...about, secrets: versions };
  const output = outputTo(secrets.hide(onLog));
  const files = given.files ? { secrets: given.files } : {};
  const handle = await world.startProgram(
    order,
    {
      ...programSpec(native, { order, root, env, signal, ...files }, native.steps[0].argv, Infinity),
      bind: ports.map((p) => p.port),
      stopSignal: service.stop.signal,
      ...(order.spec.stdin ? { stdin: world.store.read(order.spec.stdin.digest) } : {}),
      memo: JSON.stringify(memo),
    },
    output.onLog,
    signal,
  );
  output.keep(handle);
  return handle;
}

/** A program that an agent before this one started. */
function adoptNative(
  { memo, survivor, lease }: ServiceAdoption,
  service: ServiceSpec,
  log: HiddenLog,
): ReplicaHandle {
  const output = outputTo(log);
  // From the last line on that is known to be in the log.
  const handle = survivor.adopt({ stdout: 0, stderr: 0 }, output.onLog);
  output.keep(handle);
  void handle.exit.finally(lease.release);
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
function outputTo(log: HiddenLog): { readonly onLog: Start[0]; keep(handle: ProgramHandle): void } {
  const kept = { stdout: 0, stderr: 0 };
  let lasting: ProgramHandle["lasting"];
  return {
    onLog(chunk) {
      log.onLog(chunk);
      const { stream, end, bytes } = chunk;
      if (stream === "system" || end === undefined || log.holds(stream)) return;
      const last = bytes.lastIndexOf(LINE_END);
      if (last >= 0) kept[stream] = end - (bytes.length - last - 1);
      else if (end - kept[stream] > LONG_LINE) kept[stream] = end;
      lasting?.kept(kept);
    },
    keep(handle) {
      lasting = handle.lasting;
      lasting?.kept(kept);
      void handle.exit.then(() => log.end());
    },
  };
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
  { world, order, service: { run, health }, root, secrets }: StartedReplica,
  ...[onLog, signal]: Start
): Promise<ReplicaHandle> {
  const given = await secrets.give();
  const log = secrets.hide(onLog);
  const wasm = await programFile(world, run.program!.digest);
  const handle = await world.startRun(
    {
      id: order.attempt,
      mode: "http",
      wasm,
      digest: run.program!.digest,
      cacheDir: `${world.dataDir}/cache/wasm`,
      args: [run.program!.name, ...run.args],
      env: { ...environment(order, given), ...secretPaths(given) },
      mounts: [
        { guest: "/", host: root, readOnly: false, quotaBytes: run.disk_mb * 1024 * 1024 },
        ...secretMounts(given),
      ],
      memoryMb: run.memory_mb,
      maxConcurrency: WASM.concurrency,
      timeoutMs: WASM.timeoutMs,
      instance: "reuse",
      outbound: [],
    },
    log.onLog,
    signal,
  );
  void handle.exit.then(() => log.end());
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
