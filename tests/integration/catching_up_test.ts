/** A node that was away, asked right after its start for what happened meanwhile. */
import assert from "node:assert/strict";
import { RealmError } from "../../mod.ts";
import { limits } from "../../agent/protocol/limits.ts";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";

/** What a node says of a run: that it has it, or the code of its refusal. */
const said = async (cluster: Cluster, node: ClusterNode, run: string): Promise<string> => {
  try {
    return (await cluster.client(node).run(run)).job;
  } catch (error) {
    if (error instanceof RealmError) return error.code;
    throw error;
  }
};

Deno.test({
  name: "a node that has just started does not say that a run is missing before it can know",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 2 });
    const [n0, n1] = cluster.nodes;
    await cluster.kill(n1);
    const file = `${cluster.root}/late.toml`;
    // It waits for a node that there is not: what it is does not matter here.
    await Deno.writeTextFile(
      file,
      `[job]\nname = "late"\ntype = "one-shot"\n[runtime]\ntype = "native"\n` +
        `[execution]\ncommand = ["true"]\n[targeting]\ntags = ["none"]\n`,
    );
    const { runs: [run] } = JSON.parse(await cluster.realm("job", "submit", file, "--detach", "--json"));

    // The only one that knows stands still: nobody can tell.
    Deno.kill(n0.pid, "SIGSTOP");
    const started = performance.now();
    await cluster.restart(n1);
    const client = cluster.client(n1);
    const word = await said(cluster, n1, run);
    // On a machine that is so busy that the start took its time, the wait is over already.
    if (performance.now() - started < limits.unsureMs) {
      assert.equal(word, "catching_up");
      assert.equal((await client.realm()).catching_up, true);
      assert.equal(await said(cluster, n1, "no-such-run"), "catching_up");
    }
    // The command line waits by itself, and is told once the other can speak.
    const status = cluster.run(["job", "status", run, "--json", "--connect", n1.api]);
    Deno.kill(n0.pid, "SIGCONT");
    const ran = await status;
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(JSON.parse(ran.stdout).job, "late");
    assert.equal(await said(cluster, n1, "no-such-run"), "not_found");
    assert.equal((await client.realm()).catching_up, undefined);

    // From the first answer of each next start on: what it says of the run is never that there is none.
    await cluster.kill(n1);
    const again = JSON.parse(await cluster.realm("job", "submit", file, "--detach", "--json")).runs[0];
    await cluster.restart(n1);
    await eventually("n1 knows of the run", async () => {
      const now = await said(cluster, n1, again);
      assert.ok(now === "late" || now === "catching_up", now);
      return now === "late";
    });

    // Nobody is there to be heard: it says so for a while, then what it knows is what there is.
    await cluster.kill(n0);
    await cluster.kill(n1);
    await cluster.restart(n1);
    const waited = performance.now();
    assert.equal(await said(cluster, n1, run), "late", "what it had before is known");
    await eventually("it gives up", async () => await said(cluster, n1, "no-such-run") === "not_found");
    assert.ok(performance.now() - waited < limits.unsureMs + 2_000);
  },
});
