/**
 * A log written at full speed: `REALM_LOG_MB` of it (1024 by hand). Whole and in order on another node, with bounded
 * memory in the agents and in the reader, and no slower for a reader that has stopped.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { nativeJob } from "../job_manifests.ts";
import type { RunView } from "../../mod.ts";

const MB = Number(Deno.env.get("REALM_LOG_MB") ?? 32);
const LINE = 128;
const lines = MB * 1024 * 1024 / LINE;
/** Memory that a log may take beyond an idle agent's, however long it is. */
const MEMORY_MB = 200;

/** Resident memory of a process in MiB; proc(5). */
function residentMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
  return Number(kb) / 1024;
}

/** Watches the memory of processes until it is disposed of. */
class Memory implements Disposable {
  readonly before: readonly number[];
  readonly peak: number[];
  readonly #timer: ReturnType<typeof setInterval>;
  constructor(pids: readonly number[]) {
    this.before = pids.map(residentMb);
    this.peak = [...this.before];
    this.#timer = setInterval(
      () => pids.forEach((pid, i) => this.peak[i] = Math.max(this.peak[i], residentMb(pid))),
      100,
    );
  }
  get grownMb(): number[] {
    return this.peak.map((mb, i) => Math.round(mb - this.before[i]));
  }
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

async function submit(cluster: Cluster, name: string, maxMb: number): Promise<string> {
  const path = `${cluster.root}/${name}.toml`;
  const { id } = await cluster.client(cluster.nodes[0]).node("n0");
  const script = `awk 'BEGIN { for (i = 0; i < ${lines}; i++) printf "%0${LINE - 1}d\\n", i }'`;
  await Deno.writeTextFile(
    path,
    nativeJob(name, script, `[logs]\nmax_mb = ${maxMb}\n[targeting]\nnode_ids = ["${id}"]\n`),
  );
  const { runs } = JSON.parse(await cluster.realm("job", "submit", path, "--detach", "--json"));
  return runs[0];
}

const ended = (cluster: Cluster, node: ClusterNode, run: string): Promise<RunView> =>
  eventually(`${run} ends`, async () => {
    const view = await cluster.client(node).run(run);
    return view.ended_at !== undefined && view;
  }, 600_000);

function written(from = 0, to = lines): string {
  const hash = createHash("sha256");
  for (let i = from; i < to; i++) hash.update(`${String(i).padStart(LINE - 1, "0")}\n`);
  return hash.digest("hex");
}

Deno.test({
  name:
    `a log of ${MB} MiB at full speed is whole elsewhere, in bounded memory, beside a reader that has stopped`,
  ignore: Deno.build.os !== "linux",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 2 });
    const [n0, n1] = cluster.nodes;
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const alone = await submit(cluster, "alone", 2 * MB);
    const plain = await ended(cluster, n0, alone);
    assert.equal(plain.state, "succeeded", `${plain.reason}`);

    using memory = new Memory([n0.pid, n1.pid]);
    const run = await submit(cluster, "watched", 2 * MB);
    const stop = new AbortController();
    const stopped = [n0, n1].map((node) =>
      cluster.client(node).runLogs(run, { follow: true }, stop.signal)[Symbol.asyncIterator]()
    );
    for (const reader of stopped) assert.equal((await reader.next()).done, false);
    const hash = createHash("sha256");
    let entries = 0;
    for await (const entry of cluster.client(n1).runLogs(run, { follow: true })) {
      assert.equal(entry.gap, undefined, entry.text);
      assert.equal(entry.attempt, 1);
      if (entry.stream === "system") continue;
      entries++;
      hash.update(entry.more ? entry.text : `${entry.text}\n`);
    }
    const view = await ended(cluster, n1, run);
    assert.equal(view.state, "succeeded", `${view.reason}`);
    const [before, after] = [plain, view].map((v) => v.attempts[0].report!.wall_ms);
    console.log(
      `${MB} MiB, ${entries} entries: ${before} ms alone, ${after} ms with a reader and two that stopped; ` +
        `memory + ${memory.grownMb.join(" and ")} MiB`,
    );
    assert.equal(hash.digest("hex"), written());
    // Until both have been written a stopped reader that holds up the job would keep this from being reached.
    assert.ok(after < 3 * before + 2_000, `${after} ms against ${before} ms`);
    for (const grown of memory.grownMb) assert.ok(grown < MEMORY_MB, `${grown} MiB`);
    stop.abort();
  },
});

Deno.test({
  name: "a log past its bound keeps its head and its tail and says what is missing",
  ignore: Deno.build.os !== "linux",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 2 });
    const [n0, n1] = cluster.nodes;
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const bound = Math.max(4, Math.floor(MB / 4));
    const run = await submit(cluster, "long", bound);
    const end = await ended(cluster, n0, run);
    assert.equal(end.state, "succeeded", `${end.reason}`);
    const parts = [createHash("sha256"), createHash("sha256")];
    const counts = [0, 0];
    let missing = 0, gaps = 0;
    for await (const entry of cluster.client(n1).runLogs(run)) {
      if (entry.gap) {
        gaps++;
        missing += entry.gap;
      } else if (entry.stream !== "system") {
        counts[gaps]++;
        parts[gaps].update(`${entry.text}\n`);
      }
    }
    assert.equal(gaps, 1);
    assert.equal(counts[0] + missing + counts[1], lines);
    assert.equal(parts[0].digest("hex"), written(0, counts[0]));
    assert.equal(parts[1].digest("hex"), written(lines - counts[1]));
    const kept = (counts[0] + counts[1]) * LINE / 1024 / 1024;
    console.log(`of ${MB} MiB with max_mb = ${bound}: ${kept.toFixed(1)} MiB kept, ${missing} entries cut`);
    assert.ok(counts[0] > 1_000 && counts[1] > 1_000);
  },
});
