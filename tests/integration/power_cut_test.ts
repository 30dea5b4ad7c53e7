import assert from "node:assert/strict";
import { build } from "../../examples/hello-site/build.ts";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { noise } from "../content.ts";
import { readOnDisk } from "../on_disk.ts";

/** kill -9 at this many random moments; `REALM_POWER_CUTS` for more. */
const CUTS = Number(Deno.env.get("REALM_POWER_CUTS") ?? 50);

Deno.test({
  name: `kill -9 at ${CUTS} random moments while deploying: nothing corrupt, and the deploy ends`,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 3 });
    const [n0, ...others] = cluster.nodes;
    // Chunked, and each version brings a chunk of its own.
    const large = noise(1_500 * 1024);
    const packageOf = async (version: string, cut: number) => {
      const { directory } = await build({ version, out: `${cluster.root}/site`, say: () => {} });
      large.set(noise(64 * 1024, cut + 2), 1_200 * 1024);
      await Deno.writeFile(`${directory}/static/large.bin`, large);
      return directory;
    };
    let read = { blobs: 0, chunks: 0, packages: 0, bytes: 0 };
    const check = async (node: ClusterNode, when: string) => {
      const { problems, ...rest } = await readOnDisk(node.dataDir);
      assert.deepEqual(problems, [], `${node.name} ${when}`);
      read = {
        blobs: read.blobs + rest.blobs,
        chunks: read.chunks + rest.chunks,
        packages: read.packages + rest.packages,
        bytes: read.bytes + rest.bytes,
      };
    };
    const ended: number[] = [];
    for (let cut = 0; cut < CUTS; cut++) {
      const version = `1.0.${cut}`, path = await packageOf(version, cut);
      const victim = others[cut % others.length];
      const deploy = cluster.run(["deploy", path, "--replicas", "all", "--detach"], n0);
      // Anywhere between the command and the last healthy replica.
      const moment = Math.random() * 600;
      const started = performance.now();
      await eventually("the moment", () => performance.now() - started >= moment);
      await cluster.kill(victim);
      await check(victim, `after cut ${cut}`);
      const ran = await deploy;
      assert.equal(ran.code, 0, ran.stderr);
      const cutAt = performance.now();
      await cluster.restart(victim);
      await eventually(`cut ${cut}: ${version} everywhere`, async () => {
        const app = await cluster.client(n0).app("hello-site");
        if (app.phase !== "steady" || app.version !== version || app.healthy !== 3) return false;
        for (const node of cluster.nodes) {
          const response = await cluster.fetch(node, "hello-site");
          const text = await response.text();
          if (response.status !== 200 || !text.includes(version)) return false;
        }
        return true;
      }, 45_000).catch(async (error) => {
        // What each node makes of it, so that a rare failure explains itself.
        for (const node of cluster.nodes) {
          const app = await cluster.client(node).app("hello-site").catch(String);
          console.error(`--- ${node.name}: ${JSON.stringify(app)}\n${node.output.slice(-3_000)}`);
        }
        throw error;
      });
      ended.push(performance.now() - cutAt);
    }
    // Whatever was cut short must not be found damaged afterwards.
    for (const node of cluster.nodes) {
      const audit = await cluster.client(node).auditVerify();
      assert.ok(audit.ok, `the audit chain of ${node.name}: ${audit.problem}`);
      assert.ok(!/damaged/.test(node.output), `${node.name} found damage:\n${node.output.slice(-3_000)}`);
      const damaged = [...Deno.readDirSync(node.dataDir)].filter((e) => e.name.includes("damaged"));
      assert.deepEqual(damaged.map((e) => e.name), []);
      await cluster.stop(node);
      await check(node, "at the end");
    }
    const seconds = (ms: number) => (ms / 1_000).toFixed(1);
    console.log(
      `${CUTS} cuts: nothing damaged (hashed again: ${read.blobs} blobs and ${read.chunks} chunks, ${read.packages} ` +
        `packages, ${(read.bytes / 1e6).toFixed(0)} MB); healthy again everywhere after ${
          seconds(ended.sort((a, b) => a - b)[CUTS >> 1])
        } s (median), ${seconds(ended.at(-1)!)} s (worst)`,
    );
  },
});
