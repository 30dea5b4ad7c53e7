import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";

/** kill -9 at this many random moments; `REALM_POWER_CUTS` for more. */
const CUTS = Number(Deno.env.get("REALM_POWER_CUTS") ?? 50);

Deno.test({
  name: `kill -9 at ${CUTS} random moments while deploying: nothing corrupt, and the deploy ends`,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const script = new URL("../../examples/hello-site/build.ts", import.meta.url).pathname;
    await using cluster = await Cluster.start({ nodes: 3 });
    const [n0, ...others] = cluster.nodes;
    const packages = await Promise.all(["1.0.0", "2.0.0"].map(async (version) => {
      const out = `${cluster.root}/site-${version}`;
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--quiet", script, "--version", version, "--out", out],
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      return { version, path: new TextDecoder().decode(stdout).trim().split("\n").at(-1)! };
    }));
    const ended: number[] = [];
    for (let cut = 0; cut < CUTS; cut++) {
      const { version, path } = packages[cut % 2];
      const victim = others[cut % others.length];
      const deploy = cluster.run(["deploy", path, "--replicas", "all", "--detach"], n0);
      // Anywhere between the command and the last healthy replica.
      const moment = Math.random() * 600;
      const started = performance.now();
      await eventually("the moment", () => performance.now() - started >= moment);
      await cluster.kill(victim);
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
      const check = await cluster.client(node).auditVerify();
      assert.ok(check.ok, `the audit chain of ${node.name}: ${check.problem}`);
      assert.ok(!/damaged/.test(node.output), `${node.name} found damage:\n${node.output.slice(-3_000)}`);
      const damaged = [...Deno.readDirSync(node.dataDir)].filter((e) => e.name.includes("damaged"));
      assert.deepEqual(damaged.map((e) => e.name), []);
    }
    const seconds = (ms: number) => (ms / 1_000).toFixed(1);
    console.log(
      `${CUTS} cuts: nothing damaged; healthy again everywhere after ${
        seconds(ended.sort((a, b) => a - b)[CUTS >> 1])
      } s (median), ${seconds(ended.at(-1)!)} s (worst)`,
    );
  },
});
