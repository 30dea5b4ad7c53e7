/** What is in flight ends before its replica does: rollout, scale-down, drain and stop of a node, under load. */
import assert from "node:assert/strict";
import { Cluster, type ClusterNode, eventually, fetchApp } from "../cluster.ts";
import { probePackage } from "../probe_package.ts";

/** A stream lasts longer than any fixed grace that an earlier version gave (10 s). */
const STREAM_PIECES = 13, PIECE_MS = 1_000;
const APP = "drained";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A body whose pieces come one at a time. */
function slowBody(pieces: number, ms: number, onPiece?: (n: number) => void): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    async pull(controller) {
      if (sent > 0) await pause(ms);
      if (sent === pieces) return controller.close();
      onPiece?.(sent);
      controller.enqueue(new TextEncoder().encode(`piece ${sent++}\n`));
    },
  }, { highWaterMark: 0 });
}
const piecesText = (pieces: number) => Array.from({ length: pieces }, (_, i) => `piece ${i}\n`).join("");

/** What was asked, and what went wrong with it. */
class Traffic {
  readonly failures: string[] = [];
  readonly versions = new Set<string>();
  requests = 0;
  #running = true;
  readonly #loops: Promise<void>[] = [];
  readonly #streams: Promise<void>[] = [];

  async ask(gateway: string, path: string, expected: RegExp, init: () => RequestInit = () => ({})) {
    this.requests++;
    try {
      const response = await fetchApp(gateway, APP, path, { ...init(), signal: AbortSignal.timeout(60_000) });
      const text = await response.text();
      if (response.status !== 200 || !expected.test(text)) {
        this.failures.push(`${path}: ${response.status} ${text.slice(0, 200)}`);
      }
      if (path.startsWith("/env")) this.versions.add(text);
    } catch (error) {
      this.failures.push(`${path}: ${error}`);
    }
  }
  loop(pauseMs: number, work: () => Promise<void>): void {
    this.#loops.push((async () => {
      while (this.#running) {
        await work();
        // Constant, not maximal: the nodes under test share the machine.
        await pause(pauseMs);
      }
    })());
  }
  /** Safe requests, posts that no gateway may repeat, slow ones, and bodies that arrive slowly. */
  start(gateway: string): void {
    const small = () => ({ method: "POST", body: "once" });
    const slow = () => ({ method: "POST", body: slowBody(4, 200) });
    this.loop(10, () => this.ask(gateway, "/env?arg=VERSION", /^[12]\.0\.0$/));
    this.loop(10, () => this.ask(gateway, "/echo", /^once$/, small));
    this.loop(0, () => this.ask(gateway, "/sleep?arg=1200", /^slept$/));
    this.loop(0, () => this.ask(gateway, "/echo", new RegExp(`^${piecesText(4)}$`), slow));
  }
  /** A stream that nobody could repeat, and that takes its time; returns when the app has begun to read it. */
  async stream(gateway: string): Promise<void> {
    const begun = Promise.withResolvers<void>();
    const body = slowBody(STREAM_PIECES, PIECE_MS, (n) => n === 2 && begun.resolve());
    const init = () => ({ method: "POST", body });
    const done = this.ask(gateway, "/echo", new RegExp(`^${piecesText(STREAM_PIECES)}$`), init);
    this.#streams.push(done);
    await Promise.race([begun.promise, done]);
  }
  /** Waits for the streams. */
  async streamed(): Promise<void> {
    await Promise.all(this.#streams);
  }
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
  }
}

Deno.test({
  name:
    "rollout, scale-down, drain and stop of a node under load: no request fails, streams and posts neither",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 4 });
    const one = await probePackage(cluster.root, APP, "1.0.0"),
      two = await probePackage(cluster.root, APP, "2.0.0");
    await cluster.realm("deploy", one, "--replicas", "2");
    const [n0] = cluster.nodes;
    const app = () => cluster.client(n0).app(APP);
    const hosts = async () => {
      const names = (await app()).replicas.map((r) => r.node_name);
      return cluster.nodes.filter((n) => names.includes(n.name));
    };
    const steady = (replicas: number, where: (names: readonly ClusterNode[]) => boolean = () => true) =>
      eventually(`${replicas} replicas are healthy`, async () => {
        const { phase, healthy, replicas: all } = await app();
        return phase === "steady" && healthy === replicas && all.length === replicas && where(await hosts());
      }, 60_000);
    await steady(2);
    for (const node of cluster.nodes) {
      await eventually(`${node.name} serves it`, async () => {
        const response = await cluster.fetch(node, APP, "/count");
        await response.body?.cancel();
        return response.status === 200;
      });
    }
    const traffic = new Traffic();
    // Gateways of a node that runs it and of one that does not.
    const [host] = await hosts(), other = cluster.nodes.find((n) => n !== n0 && n !== host)!;
    for (const gateway of new Set([n0.gateway, other.gateway])) traffic.start(gateway);
    /** One stream through each gateway: so each replica has some. */
    const openStreams = () => Promise.all(cluster.nodes.map((node) => traffic.stream(node.gateway)));
    await openStreams();
    await cluster.realm("deploy", two, "--replicas", "2");
    await steady(2);
    await openStreams();
    await cluster.realm("app", "scale", APP, "1");
    await steady(1);
    const [drained] = await hosts();
    await openStreams();
    await cluster.realm("node", "drain", drained.name);
    await steady(1, (names) => !names.includes(drained));
    await traffic.streamed();
    await cluster.realm("node", "uncordon", drained.name);
    // Three of four nodes run it: one of them is none of those that are asked.
    await cluster.realm("app", "scale", APP, "3");
    await steady(3);
    const victim = (await hosts()).find((n) => n !== n0 && n !== other)!;
    await cluster.stop(victim);
    await steady(3, (names) => !names.includes(victim));
    await traffic.stop();
    const { requests, failures, versions } = traffic;
    console.log(
      `${requests} requests over rollout, scale-down, drain and stop: ${failures.length} failed; ` +
        `seen ${[...versions].sort().join(", ")}`,
    );
    assert.deepEqual(failures, []);
    assert.deepEqual([...versions].sort(), ["1.0.0", "2.0.0"]);
  },
});
