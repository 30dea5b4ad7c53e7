/**
 * A realm of three under work without pause: deploys, jobs of both runtimes, requests, blobs that come and go, nodes that
 * are cordoned. What a node must not do is grow: memory, open files, threads and database are told each minute.
 * `deno task bench soak` (`SOAK_MINUTES`, default 20); Linux only (reads `/proc`).
 */
import { Cluster, eventually } from "../cluster.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { startLoad } from "../integration/load.ts";
import { digestOf, type RealmClient } from "../../mod.ts";
import { nativeSpec, wasmSpec } from "./job_specs.ts";
import { buildExample } from "./example.ts";
import { executable } from "./executable.ts";
import { atMost, type Figure, note, usage } from "./figures.ts";

const MINUTES = Number(Deno.env.get("SOAK_MINUTES") ?? 20);
/** What is warm by then is not growth. */
const WARM_SHARE = 0.25;
/** Memory at the end against memory when warm. */
const GROWTH = 1.25;
const APP = "guestbook";
const JOBS = 10, BLOB_BYTES = 1_000_000;

interface Sample {
  readonly rssMb: number;
  readonly files: number;
  readonly threads: number;
  readonly databaseMb: number;
}

const count = (directory: string): number => [...Deno.readDirSync(directory)].length;

/** Of the node that has most of each. */
async function sample(cluster: Cluster): Promise<Sample> {
  const all = await Promise.all(cluster.nodes.map(async ({ pid, dataDir }) => ({
    rssMb: (await usage(pid)).rssMb,
    files: count(`/proc/${pid}/fd`),
    threads: count(`/proc/${pid}/task`),
    databaseMb: Deno.statSync(`${dataDir}/realm.db`).size / 1e6,
  })));
  const most = (key: keyof Sample) => Math.max(...all.map((s) => s[key]));
  return {
    rssMb: most("rssMb"),
    files: most("files"),
    threads: most("threads"),
    databaseMb: most("databaseMb"),
  };
}

/** One round of work; everything that it begins has ended when it returns. */
async function round(
  cluster: Cluster,
  n: number,
  packages: readonly string[],
  wasm: Uint8Array,
): Promise<void> {
  const node = cluster.nodes[n % cluster.nodes.length], client = cluster.client(node);
  await cluster.realm("deploy", packages[n % packages.length]);
  const job = `round-${n}`, spec = { ...wasmSpec(wasm, job), job };
  await client.command("job.submit", { runs: [...Array(JOBS).fill(spec), { ...nativeSpec(), job }] });
  await eventually(`the jobs of round ${n} end`, async () => {
    const runs = await client.runs({ job, limit: 100 });
    return runs.length === JOBS + 1 && runs.every((r) => r.ended_at !== undefined);
  }, 120_000);
  await blob(client, n);
  const { id } = await client.node(cluster.nodes[(n + 1) % cluster.nodes.length].name);
  await client.command("node.cordon", { node: id });
  await client.command("node.uncordon", { node: id });
}

/** A blob that is kept for a while, and then is not. */
async function blob(client: RealmClient, n: number): Promise<void> {
  const bytes = new Uint8Array(BLOB_BYTES).fill(n % 251);
  new DataView(bytes.buffer).setUint32(0, n);
  const digest = digestOf(bytes);
  await client.upload(digest, bytes);
  await client.command("blob.pin", { digest, name: `soak-${n}`, copies: 2, tags: [], size: bytes.length });
  await client.command("blob.unpin", { digest });
}

/** Measures and prints. */
export async function benchSoak(): Promise<Figure[]> {
  Deno.env.set("REALM_EXECUTABLE", await executable());
  const packages = await Promise.all(["1.0.0", "2.0.0"].map((version) => buildExample(APP, version)));
  const wasm = await Deno.readFile((await buildWasmFixtures()).commandModule);
  await using cluster = await Cluster.start();
  await cluster.realm("policy", "set", "allow_native_execution=true");
  await cluster.realm("deploy", packages[0]);
  await cluster.client(cluster.nodes[0]).upload(digestOf(wasm), wasm);
  const stop = startLoad(cluster.nodes[1].gateway, APP, 2);
  const began = performance.now(), minutes = () => (performance.now() - began) / 60_000;
  const samples: (Sample & { at: number })[] = [];
  let rounds = 0;
  for (; minutes() < MINUTES; rounds++) {
    await round(cluster, rounds + 1, packages, wasm);
    if (minutes() < samples.length + 1) continue;
    const s = { at: minutes(), ...await sample(cluster) };
    samples.push(s);
    const { rssMb, files, threads, databaseMb } = s;
    note(
      `minute ${Math.round(s.at)}, ${rounds + 1} rounds`,
      `${rssMb.toFixed(0)} MB, ${files} files, ${threads} threads, database ${databaseMb.toFixed(1)} MB`,
    );
  }
  const load = await stop();
  const warm = samples.find((s) => s.at >= MINUTES * WARM_SHARE)!, last = samples.at(-1)!;
  const all = `${rounds} rounds in ${MINUTES} min: ${rounds * (JOBS + 1)} runs, ${rounds} deploys`;
  return [
    atMost("memory at the end against warm", last.rssMb / warm.rssMb, GROWTH, "times", all),
    atMost("open files at the end against warm", last.files / warm.files, GROWTH, "times"),
    atMost("threads at the end against warm", last.threads / warm.threads, GROWTH, "times"),
    atMost("requests that failed", load.failures.length, 0, "requests", `of ${load.requests}`),
  ];
}

if (import.meta.main) {
  const figures = await benchSoak();
  Deno.exit(figures.every((f) => f.holds !== false) ? 0 : 1);
}
