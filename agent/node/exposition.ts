/** This node's counters as Prometheus reads them. */
import { isMember, nodeState } from "../core/mod.ts";
import { latencyBounds } from "../gateway/mod.ts";
import { type Family, prometheusText } from "../monitor/mod.ts";
import { lookAtMachine } from "../platform/mod.ts";
import type { Agent } from "./running_agent.ts";

const one = (name: string, help: string, type: Family["type"], value: number): Family => ({
  name,
  help,
  type,
  values: [{ value }],
});

function ofApps(agent: Agent): Family[] {
  const apps = Object.entries(agent.gateway.metrics());
  const each = (
    name: string,
    help: string,
    type: Family["type"],
    value: (m: typeof apps[0][1]) => number,
  ) => ({
    name,
    help,
    type,
    values: apps.map(([app, m]) => ({ labels: { app }, value: value(m) })),
  });
  return [
    each("realm_app_requests_total", "Requests that this gateway took", "counter", (m) => m.requests),
    each("realm_app_requests_in_flight", "Requests in work", "gauge", (m) => m.inFlight),
    each("realm_app_retries_total", "Attempts beyond the first", "counter", (m) => m.retries),
    each("realm_app_sent_bytes_total", "Bytes answered", "counter", (m) => m.bytesOut),
    each("realm_app_received_bytes_total", "Bytes of requests", "counter", (m) => m.bytesIn),
    {
      name: "realm_app_errors_total",
      help: "Requests without a good answer, by kind",
      type: "counter",
      values: apps.flatMap(([app, m]) =>
        Object.entries(m.errors).map(([kind, value]) => ({ labels: { app, kind }, value }))
      ),
    },
    {
      name: "realm_app_request_duration_seconds",
      help: "Time from request to the end of the response",
      type: "histogram",
      values: apps.flatMap(([app, { latency }]) => {
        let seen = 0;
        const buckets = [...latencyBounds, Infinity].map((bound, i) => ({
          labels: { app, le: bound === Infinity ? "+Inf" : String(bound / 1_000) },
          value: seen += latency.counts[i],
          suffix: "_bucket",
        }));
        return [
          ...buckets,
          { labels: { app }, value: latency.sumMs / 1_000, suffix: "_sum" },
          { labels: { app }, value: seen, suffix: "_count" },
        ];
      }),
    },
  ];
}

function ofReplicas(agent: Agent): Family[] {
  const stats = agent.replicas.list().flatMap((r) => {
    const usage = r.handle?.stats();
    return usage ? [{ labels: { app: r.order.app, replica: r.order.replica }, usage }] : [];
  });
  return [
    {
      name: "realm_replicas",
      help: "Replicas on this node by state",
      type: "gauge",
      values: [...Map.groupBy(agent.replicas.list(), (r) => `${r.order.app} ${r.state}`)].map(
        ([key, list]) => {
          const [app, state] = key.split(" ");
          return { labels: { app, state }, value: list.length };
        },
      ),
    },
    {
      name: "realm_replica_memory_bytes",
      help: "Resident memory of a replica's process",
      type: "gauge",
      values: stats.map(({ labels, usage }) => ({ labels, value: usage.rssBytes })),
    },
    {
      name: "realm_replica_cpu_seconds_total",
      help: "Processor time of a replica",
      type: "counter",
      values: stats.map(({ labels, usage }) => ({ labels, value: usage.cpuMs / 1_000 })),
    },
  ];
}

/** The text of `/metrics`. */
export function exposition(agent: Agent): string {
  const { core, mesh } = agent;
  const machine = lookAtMachine(), counters = mesh.counters();
  const members = [...core.members.admitted.keys()].filter((id) => isMember(core.members, id));
  let records = 0;
  for (const log of core.store.authors.values()) records += log.live.size;
  return prometheusText([
    {
      name: "realm_info",
      help: "This node",
      type: "gauge",
      values: [{
        labels: { node: agent.self, name: agent.options.name, version: agent.options.version },
        value: 1,
      }],
    },
    {
      name: "realm_nodes",
      help: "Members as this node sees them, by state",
      type: "gauge",
      values: [...Map.groupBy(members, (id) => nodeState(core, id))].map(([state, list]) => ({
        labels: { state },
        value: list.length,
      })),
    },
    one("realm_agent_cpu_seconds_total", "Processor time of the agent", "counter", machine.ownCpuMs / 1_000),
    one("realm_agent_memory_bytes", "Resident memory of the agent", "gauge", machine.ownMemoryBytes),
    one("realm_machine_memory_used_bytes", "Memory in use on the machine", "gauge", machine.memoryBytes),
    one("realm_records", "Live records held", "gauge", records),
    one(
      "realm_audit_entries_total",
      "Entries of this node's audit chain",
      "counter",
      agent.audit.head().count,
    ),
    one("realm_mesh_connections", "Connected members", "gauge", mesh.peers().length),
    {
      name: "realm_mesh_messages_total",
      help: "Messages between cores",
      type: "counter",
      values: (["sent", "received", "dropped", "published", "gossiped"] as const).map((kind) => ({
        labels: { kind },
        value: counters[kind],
      })),
    },
    one("realm_gateway_unmatched_total", "Requests that no app answers", "counter", agent.gateway.unmatched),
    ...ofApps(agent),
    ...ofReplicas(agent),
  ]);
}
