/**
 * Figures, connections, diagnoses and mounts of any node and app of the realm: this node answers for itself and asks
 * the others for the rest. A node that does not answer is named, and never holds up an answer for long.
 */
import * as v from "valibot";
import { type AppState, type Core, nodeState } from "../core/mod.ts";
import {
  askPeer,
  clockProblem,
  createClockOffset,
  createMonitor,
  type Figures,
  type Grid,
  grid,
  type Kind,
  type Monitor,
  type PeerQuestion,
  ping,
  rowsOf,
  type Series,
  seriesOf,
  servePeers,
  summed,
} from "../monitor/mod.ts";
import { mountUsage, type PackageWorld } from "../packages/mod.ts";
import {
  ConnectionsSchema,
  type ConnectionView,
  FindingsSchema,
  type FindingView,
  type MetricsView,
  monitorLimits,
  MountsSchema,
  type MountsView,
  type MountView,
  type NodeId,
  RealmError,
  SeriesSchema,
} from "../protocol/mod.ts";
import type { Agent } from "./running_agent.ts";
import { examine } from "./diagnosis.ts";
import { nameOf } from "./queries.ts";
import { createSampling } from "./sampling.ts";

/** See the module's text. */
export interface Monitoring extends Disposable {
  readonly monitor: Monitor;
  /** Last measured round trip to a connected member, milliseconds. */
  rttMs(node: NodeId): number | undefined;
  /** How far this node's clock is behind its peers', milliseconds, as last looked at. */
  clockBehindMs(): number | undefined;
  connections(node: NodeId): Promise<readonly ConnectionView[]>;
  diagnose(node: NodeId): Promise<readonly FindingView[]>;
  nodeMetrics(node: NodeId, lastMs: number, points: number): Promise<MetricsView>;
  appMetrics(app: AppState, lastMs: number, points: number): Promise<MetricsView>;
  mounts(app: AppState): Promise<MountsView>;
}

/** Parts of the agent that monitoring looks at. */
export type Watched = Omit<Agent, "monitoring" | "announceApi" | typeof Symbol.asyncDispose>;

/** How often free disk space is looked at. */
const DISK_MS = 60_000;

/** Lets those who ask the same at about the same time share one answer. */
function createShared() {
  const answers = new Map<string, { readonly at: number; readonly value: Promise<unknown> }>();
  return <T>(key: string, ask: () => Promise<T>, ms: number = monitorLimits.sharedMs): Promise<T> => {
    const now = performance.now(), known = answers.get(key);
    if (known && now - known.at < ms) return known.value as Promise<T>;
    const value = ask();
    value.catch(() => answers.delete(key));
    answers.delete(key);
    answers.set(key, { at: now, value });
    if (answers.size > monitorLimits.shared) answers.delete(answers.keys().next().value!);
    return value;
  };
}

const why = (error: unknown): string =>
  error instanceof RealmError
    ? error.message.replace(/^Cannot reach node \S+: /, "it cannot be reached: ").slice(0, 300)
    : error instanceof Error
    ? error.message
    : String(error);

/** Nodes that may have figures of an app: those that run it, this one, then others by whose gateways requests come. */
function nodesOf(core: Core, app: AppState): NodeId[] {
  const first = [
    ...(app.decision?.value.replicas ?? []).map((r) => r.node),
    ...app.statuses.keys(),
    core.config.self,
  ];
  const rest = [...core.infos.keys()].filter((id) => nodeState(core, id) === "alive").sort();
  return [...new Set([...first, ...rest])].slice(0, monitorLimits.nodesAsked);
}

/** Starts it. */
export function startMonitoring(agent: Watched, world: PackageWorld): Monitoring {
  const { core, self, options, mesh } = agent;
  const { streams } = mesh;
  const shared = createShared();
  const rtts = new Map<NodeId, number>(), clocks = createClockOffset();
  let diskFree = NaN;
  const measureDisk = () =>
    void world.disk.space(options.dataDir).then(({ free }) => diskFree = free, () => diskFree = NaN);
  measureDisk();
  const diskTimer = setInterval(measureDisk, DISK_MS);
  Deno.unrefTimer(diskTimer);
  let told = false;
  const monitor = createMonitor({
    database: agent.database,
    now: () => Date.now(),
    sample: createSampling({
      gateway: agent.gateway,
      mesh,
      replicas: agent.replicas,
      diskFree: () => diskFree,
    }),
    onFailure(error) {
      if (!told) options.log.warn("figures cannot be stored", { why: why(error) });
      told = true;
    },
  });

  /** An alive node answers soon; of others it is known that they do not. */
  function assertHeard(node: NodeId): void {
    const state = nodeState(core, node), name = nameOf(core, node);
    if (state === "alive" || state === "suspect") return;
    throw new RealmError("unreachable", `${name} is ${state}; see 'realm why ${name}'`);
  }

  async function ask<S extends v.GenericSchema>(
    node: NodeId,
    question: PeerQuestion,
    form: S,
  ): Promise<v.InferOutput<S>> {
    assertHeard(node);
    return await shared(`${node} ${JSON.stringify(question)}`, async () => {
      const said = v.safeParse(form, await askPeer(streams, node, question), { abortEarly: true });
      if (said.success) return said.output;
      throw new RealmError(
        "unavailable",
        "its answer has not the form that this version knows; update Realm on both",
      );
    });
  }

  /** As {@link ask}, where the whole answer depends on that node: what it fails with names it. */
  async function askOnly<S extends v.GenericSchema>(
    node: NodeId,
    question: PeerQuestion,
    form: S,
  ): Promise<v.InferOutput<S>> {
    assertHeard(node);
    try {
      return await ask(node, question, form);
    } catch (error) {
      const name = nameOf(core, node), code = error instanceof RealmError ? error.code : "internal";
      const end = `see 'realm why ${name}' or try again`;
      throw new RealmError(
        code,
        code === "timed_out"
          ? `${name} did not answer in time (${why(error)}): it is busy or stands still; ${end}`
          : `${name} does not answer: ${why(error).replace(/[.;]?( try again)?\.?$/, "")}; ${end}`,
        { cause: error },
      );
    }
  }

  async function measure(id: NodeId): Promise<void> {
    const { rttMs, aheadMs } = await ping(streams, id);
    rtts.set(id, rttMs);
    if (aheadMs !== undefined) clocks.note(id, aheadMs);
  }

  /** Compares clocks with some neighbours; tells when this one went wrong, and when it is right again. */
  let clockWrong = false;
  async function lookAtClocks(): Promise<void> {
    const peers = mesh.peers().map((p) => p.id);
    clocks.keep(new Set(peers));
    await Promise.allSettled(peers.slice(0, monitorLimits.clockPeers).map(measure));
    const problem = clockProblem(clocks.behindMs());
    if ((problem !== undefined) === clockWrong) return;
    clockWrong = problem !== undefined;
    const what = problem ? problem.why : "its clock agrees with its peers' again";
    agent.events.emit("node", `${options.name}: ${what}`, self, problem ? "warning" : undefined);
  }
  const clockTimer = setInterval(() => void lookAtClocks(), monitorLimits.clockEveryMs);
  Deno.unrefTimer(clockTimer);

  async function ownConnections(): Promise<ConnectionView[]> {
    return await shared("connections", async () => {
      const peers = mesh.peers();
      for (const id of rtts.keys()) if (!peers.some((p) => p.id === id)) rtts.delete(id);
      await Promise.all(
        peers.slice(0, monitorLimits.rttPeers).map(async ({ id }) => {
          try {
            await measure(id);
          } catch {
            rtts.delete(id);
          }
        }),
      );
      return peers.map(({ id, address, direction, since }): ConnectionView => ({
        node: id,
        name: nameOf(core, id),
        address,
        direction,
        since,
        ...(rtts.has(id) ? { rtt_ms: rtts.get(id)! } : {}),
      }));
    }, monitorLimits.rttAgeMs);
  }

  async function ownMounts(app: string): Promise<MountView[]> {
    const found: MountView[] = [];
    for (const replica of agent.replicas.list()) {
      if (replica.order.app !== app || !replica.workload?.package) continue;
      const place = { dataDir: options.dataDir, app, replica: replica.order.replica };
      for (const { mount, usedBytes } of await mountUsage(world, replica.workload.package.manifest, place)) {
        found.push({
          replica: replica.order.replica,
          node: self,
          node_name: options.name,
          kind: mount.kind,
          guest: mount.guest,
          read_only: mount.kind === "static" || mount.kind === "config",
          ...("volume" in mount ? { volume: mount.volume } : {}),
          ...("source" in mount ? { source: mount.source } : {}),
          ...(usedBytes === undefined ? {} : { used_bytes: usedBytes }),
          ...("quotaBytes" in mount && mount.quotaBytes !== undefined
            ? { quota_bytes: mount.quotaBytes }
            : {}),
        });
      }
    }
    return found;
  }

  const ownFindings = () =>
    shared("doctor", async () => {
      await lookAtClocks();
      return await examine(agent, clocks.behindMs());
    });
  const mountsHere = (app: string) => shared(`mounts ${app}`, () => ownMounts(app));
  servePeers(streams, (question) => {
    switch (question.ask) {
      case "ping":
        return { clock: Date.now() };
      case "doctor":
        return ownFindings();
      case "connections":
        return ownConnections();
      case "mounts":
        return mountsHere(question.app);
      case "metrics":
        return monitor.read(question.kind, question.subject, question.grid);
    }
  });

  const figures = (kind: Kind, subject: string, on: Grid, node: NodeId, from = ask): Promise<Series> =>
    node === self
      ? Promise.resolve(monitor.read(kind, subject, on))
      : from(node, { ask: "metrics", kind, subject, grid: on }, SeriesSchema);
  const view = (
    kind: Kind,
    subject: string,
    on: Grid,
    series: Series,
    nodes: MetricsView["nodes"],
  ): MetricsView => ({
    kind,
    subject,
    step_ms: on.stepMs,
    at: Array.from({ length: on.count }, (_, i) => on.from + i * on.stepMs),
    series,
    nodes,
  });

  return {
    monitor,
    rttMs: (node) => rtts.get(node),
    clockBehindMs: () => clocks.behindMs(),
    connections: (node) =>
      node === self ? ownConnections() : askOnly(node, { ask: "connections" }, ConnectionsSchema),
    diagnose: (node) => node === self ? ownFindings() : askOnly(node, { ask: "doctor" }, FindingsSchema),
    async nodeMetrics(node, lastMs, points) {
      const on = grid(Date.now(), lastMs, points);
      const series = await figures("node", "", on, node, askOnly);
      return view("node", node, on, series, [{ id: node, name: nameOf(core, node) }]);
    },
    async appMetrics(app, lastMs, points) {
      const on = grid(Date.now(), lastMs, points);
      const rows: (Figures | undefined)[][] = [];
      const nodes = await Promise.all(
        nodesOf(core, app).map(async (id) => {
          const known = { id, name: nameOf(core, id) };
          try {
            rows.push(rowsOf("app", await figures("app", app.name, on, id), on.count));
            return known;
          } catch (error) {
            return { ...known, problem: why(error) };
          }
        }),
      );
      const all = Array.from({ length: on.count }, (_, i) => {
        const present = rows.flatMap((r) => r[i] ?? []);
        return present.length > 0 ? summed("app", present) : undefined;
      });
      return view("app", app.name, on, seriesOf("app", all), nodes);
    },
    async mounts(app) {
      const nodes = [...new Set((app.decision?.value.replicas ?? []).map((r) => r.node))].sort();
      const missing: MountsView["missing"][number][] = [];
      const found = await Promise.all(nodes.map(async (node) => {
        try {
          return await (node === self
            ? mountsHere(app.name)
            : ask(node, { ask: "mounts", app: app.name }, MountsSchema));
        } catch (error) {
          missing.push({ node, name: nameOf(core, node), why: why(error) });
          return [];
        }
      }));
      const order = (m: MountView) => `${m.replica} ${m.guest}`;
      return { mounts: found.flat().sort((a, b) => order(a) < order(b) ? -1 : 1), missing };
    },
    [Symbol.dispose]() {
      clearInterval(diskTimer);
      clearInterval(clockTimer);
      monitor[Symbol.dispose]();
    },
  };
}
