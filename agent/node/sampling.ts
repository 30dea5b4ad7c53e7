/** One look at this node for the monitor: the machine, the gateway, the processes of replicas. */
import { figuresOf, type Samples } from "../monitor/mod.ts";
import { lookAtMachine } from "../platform/mod.ts";
import type { AppMetrics, Gateway } from "../gateway/mod.ts";
import type { Mesh } from "../mesh/mod.ts";
import { monitorLimits } from "../protocol/mod.ts";
import { between } from "./gateway_figures.ts";
import type { Replicas } from "./replicas.ts";

/** What is looked at. */
export interface Sampled {
  readonly gateway: Gateway;
  readonly mesh: Mesh;
  readonly replicas: Replicas;
  /** Free bytes where the data directory is, as last measured. */
  readonly diskFree: () => number;
}

interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
}

const QUIET = { requests_per_s: 0, errors_per_s: 0, in_flight: 0, bytes_out_per_s: 0 };

/** Memory and processor time of each app's processes here. */
function usageByApp(replicas: Replicas): Map<string, Usage> {
  const found = new Map<string, Usage>();
  for (const replica of replicas.list()) {
    const stats = replica.handle?.stats();
    const before = found.get(replica.order.app) ?? { cpuMs: 0, rssBytes: 0 };
    found.set(replica.order.app, {
      cpuMs: before.cpuMs + (stats?.cpuMs ?? 0),
      rssBytes: before.rssBytes + (stats?.rssBytes ?? 0),
    });
  }
  return found;
}

/** Makes the function that the monitor calls at each interval. */
export function createSampling({ gateway, mesh, replicas, diskFree }: Sampled): () => Samples {
  let last = performance.now(), machine = lookAtMachine();
  let counters: Readonly<Record<string, AppMetrics>> = gateway.metrics();
  let usages = usageByApp(replicas);
  return () => {
    const now = performance.now(), seconds = Math.max(0.001, (now - last) / 1_000);
    // What happened in the part of an interval that the agent lived counts for the whole of it.
    const interval = Math.max(seconds, monitorLimits.sampleMs / 1_000);
    const look = lookAtMachine(), metrics = gateway.metrics(), usage = usageByApp(replicas);
    const busy = look.cpu && machine.cpu ? look.cpu.busy - machine.cpu.busy : NaN;
    const ticks = look.cpu && machine.cpu ? look.cpu.total - machine.cpu.total : NaN;
    let requests = 0;
    const apps: [string, ReturnType<typeof figuresOf>, number][] = [];
    for (const name of new Set([...usage.keys(), ...Object.keys(metrics)])) {
      const here = metrics[name], run = usage.get(name), ran = usages.get(name);
      const traffic = here && between(counters[name], here, interval);
      requests += traffic?.requests_per_s ?? 0;
      // An app that neither runs here nor is asked for here has no figures here.
      if (!run && !traffic?.requests_per_s && !traffic?.in_flight) continue;
      const cpu = run && Math.max(0, run.cpuMs - (ran?.cpuMs ?? run.cpuMs)) / 1_000 / seconds;
      apps.push([
        name,
        figuresOf("app", {
          ...(traffic ?? QUIET),
          memory_bytes: run?.rssBytes,
          cpu,
        }),
        traffic?.requests_per_s ?? 0,
      ]);
    }
    const node = figuresOf("node", {
      cpu: ticks > 0 ? busy / ticks : NaN,
      memory_bytes: look.memoryBytes,
      agent_cpu: (look.ownCpuMs - machine.ownCpuMs) / 1_000 / seconds,
      agent_memory_bytes: look.ownMemoryBytes,
      disk_free_bytes: diskFree(),
      requests_per_s: requests,
      connections: mesh.peers().length,
    });
    [last, machine, counters, usages] = [now, look, metrics, usage];
    return { node, apps: apps.sort((a, b) => b[2] - a[2]).map(([name, figures]) => [name, figures]) };
  };
}
