/** What `realm doctor` finds on a running node. */
import { controllerOf, isMember, schedulingOf } from "../core/mod.ts";
import { clockProblem } from "../monitor/mod.ts";
import type { FindingView } from "../protocol/mod.ts";
import type { Watched } from "./monitoring.ts";
import { selfCandidate } from "./queries.ts";

/** How long the doctor listens to the event loop. */
const LOOK_MS = 250;
/** A delay that clients feel. */
const LATE_MS = 250;

/** What this machine can do, and what is missing. `clockBehindMs`: as far as peers told. */
export async function examine(agent: Watched, clockBehindMs: number | undefined): Promise<FindingView[]> {
  const { core, options } = agent;
  const findings: FindingView[] = [];
  for (const runtime of options.runtimes) {
    const probe = await runtime.probe();
    findings.push({
      subject: `runtime ${probe.kind}`,
      state: probe.available ? "ok" : "missing",
      detail: `${probe.detail}${probe.features.length > 0 ? ` (${probe.features.join(", ")})` : ""}`,
    });
  }
  findings.push(...await agent.native.findings());
  const usage = await agent.contents.store.usage();
  const free = core.infos.get(agent.self)?.disk_mb ?? 0;
  const mib = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;
  findings.push({
    subject: "disk",
    state: free < 1_024 ? "warning" : "ok",
    detail: `${free} MiB free, blobs take ${mib(usage.usedBytes)} of a quota of ${mib(usage.quotaBytes)}`,
    ...(free < 1_024 ? { fix: "free some disk space, or use --data-dir on a larger disk" } : {}),
  });
  const candidate = selfCandidate(core);
  if (candidate) {
    findings.push({
      subject: "memory",
      state: "ok",
      detail: `${candidate.memoryMb - candidate.reservedMb} of ${candidate.memoryMb} MiB are free for work`,
    });
  }
  const scheduling = schedulingOf(core, agent.self);
  findings.push({
    subject: "scheduling",
    state: scheduling === "open" ? "ok" : "warning",
    detail: scheduling === "open" ? "takes new work" : `is ${scheduling}`,
    ...(scheduling === "open" ? {} : { fix: `realm node uncordon ${options.name}` }),
  });
  const peers = agent.mesh.peers();
  const members =
    [...core.members.admitted.keys()].filter((id) => id !== agent.self && isMember(core.members, id)).length;
  findings.push({
    subject: "mesh",
    state: members > 0 && peers.length === 0 ? "warning" : "ok",
    detail: `connected to ${peers.length} of ${members} other members; reachable at ${
      agent.mesh.addresses().join(", ") || "no address"
    }`,
  });
  const clock = clockProblem(clockBehindMs);
  const apart = clockBehindMs === undefined
    ? "no peer to compare it with"
    : `${(Math.abs(clockBehindMs) / 1_000).toFixed(1)} s from its peers'`;
  findings.push({
    subject: "clock",
    state: clock ? "warning" : "ok",
    detail: clock?.why ?? apart,
    ...(clock ? { fix: clock.fix } : {}),
  });
  const families = new Set(Deno.networkInterfaces().map((i) => i.family));
  findings.push({
    subject: "listening",
    state: "ok",
    detail: `API at ${agent.sockets.api.join(" and ") || "no address yet"}, apps at ${
      agent.sockets.gateway.join(" and ")
    }${families.has("IPv6") ? "" : "; IPv6 is off on this machine"}${
      families.has("IPv4") ? "" : "; IPv4 is off on this machine"
    }`,
  });
  agent.loopDelay.look();
  await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  const { lateMs, heldMs } = agent.loopDelay.look();
  const late = Math.round(lateMs), held = Math.round(heldMs);
  findings.push({
    subject: "event loop",
    state: late < LATE_MS ? "ok" : "warning",
    detail: `late by at most ${late} ms in the last seconds, ${held} ms by its own work`,
    ...(late < LATE_MS
      ? {}
      : { fix: "this machine is overloaded: move work away with 'realm node drain NODE'" }),
  });
  const chain = agent.audit.verify();
  findings.push({
    subject: "audit",
    state: chain.ok ? "ok" : "warning",
    detail: chain.ok ? `${chain.entries} entries, the chain holds` : chain.problem ?? "the chain is broken",
  });
  if (agent.database.damaged) {
    findings.push({
      subject: "database",
      state: "warning",
      detail: `realm.db was damaged; the old file is ${agent.database.damaged}`,
    });
  }
  const deciding = [...core.apps.keys()].filter((name) => controllerOf(core, `app/${name}`) === agent.self);
  findings.push({
    subject: "control",
    state: "ok",
    detail: deciding.length === 0 ? "decides for no app at the moment" : `decides for ${deciding.join(", ")}`,
  });
  return findings;
}
