/**
 * What an idle mesh node costs: one process with three connected peers, CPU and memory over `--seconds` (default 20).
 * `deno run -A tests/bench/mesh_idle.ts [--seconds N] [--plain]`; Linux only (reads /proc).
 */
import { testKey } from "../mesh_nodes.ts";
import { startMeshChild } from "../mesh_processes.ts";

const at = Deno.args.indexOf("--seconds");
const seconds = at >= 0 ? Number(Deno.args[at + 1]) : 20;
// The young generation otherwise keeps the 16 MB it grew to while starting.
const flags = Deno.args.includes("--plain") ? [] : ["--v8-flags=--max-semi-space-size=1"];
const TICKS_PER_SECOND = 100;

async function usage(pid: number): Promise<{ cpuMs: number; rssMb: number }> {
  const stat = (await Deno.readTextFile(`/proc/${pid}/stat`)).replace(/^.*\) /, "").split(" ");
  const rss = /VmRSS:\s+(\d+)/.exec(await Deno.readTextFile(`/proc/${pid}/status`));
  return {
    cpuMs: (Number(stat[11]) + Number(stat[12])) * 1000 / TICKS_PER_SECOND,
    rssMb: Number(rss?.[1]) / 1024,
  };
}

const keys = [1, 2, 3, 4], members = keys.map((k) => testKey(k).id);
const children = [];
const addresses: Record<string, readonly string[]> = {};
for (const key of keys) {
  const child = await startMeshChild({ key, members, addresses, neighbours: Object.keys(addresses) }, flags);
  addresses[testKey(key).id] = child.addresses;
  children.push(child);
}
const watched = children[3];
const connected = () => watched.lines.filter((l) => l.state === "connected").length;
for (let i = 0; connected() < 3 && i < 500; i++) await new Promise((r) => setTimeout(r, 10));
if (connected() !== 3) throw new Error(`${connected()} of 3 peers connected`);
// Let start-up settle (code is compiled, the first heap is collected) before the clock runs.
await new Promise((r) => setTimeout(r, 3_000));
const before = await usage(watched.pid);
await new Promise((r) => setTimeout(r, seconds * 1000));
const after = await usage(watched.pid);
for (const child of children) await child.end();
const cpu = (after.cpuMs - before.cpuMs) / (seconds * 10);
console.log(
  `idle mesh node, 3 peers, ${seconds} s: ${cpu.toFixed(2)} % CPU, ${after.rssMb.toFixed(0)} MB RSS, ` +
    `started in ${watched.startMs.toFixed(0)} ms`,
);
