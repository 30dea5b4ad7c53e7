/** What this node tells the others of itself. */
import type { NodeInfo } from "../protocol/mod.ts";
import { thisPlatform } from "../platform/mod.ts";
import type { Disk } from "../ports.ts";
import type { AgentOptions } from "./agent_options.ts";

/** Share of the machine's memory that work may reserve. */
const MEMORY_SHARE = 0.8;
const MIB = 1024 * 1024;

/** Looks at the machine and at which runtimes work. */
export async function nodeInfo(
  options: AgentOptions,
  disk: Disk,
  at: {
    readonly addresses: readonly string[];
    readonly gateway: string;
    readonly startedAt: number;
    readonly native: NodeInfo["native"];
    /** Version of the system's git. */
    readonly git: string | undefined;
  },
): Promise<Omit<NodeInfo, "incarnation">> {
  const probes = await Promise.all(options.runtimes.map((r) => r.probe()));
  const space = await disk.space(options.dataDir);
  return {
    name: options.name,
    addresses: [...at.addresses],
    platform: thisPlatform(),
    version: options.version,
    tags: [...options.tags],
    cpu_cores: navigator.hardwareConcurrency,
    memory_mb: options.memoryMb ?? Math.floor(Deno.systemMemoryInfo().total / MIB * MEMORY_SHARE),
    disk_mb: Math.floor(space.free / MIB),
    runtimes: [
      ...probes.filter((p) => p.available).map((p) => p.kind),
      ...(options.native ? [options.native.kind] : []),
    ],
    ...(at.native ? { native: at.native } : {}),
    ...(at.git === undefined ? {} : { git: at.git }),
    gateway: at.gateway,
    started_at: at.startedAt,
  };
}
