/** Ends of runs are told to a webhook: what broke, and when it works again. */
import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";
import { nativeJob } from "../job_manifests.ts";

Deno.test({
  name: "a run that fails is told, the next that succeeds as recovered, one after that not",
  ignore: Deno.build.os !== "linux",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const got: { on: string; run: string; reason: string; state: string }[] = [];
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      got.push(await request.json());
      return new Response(null, { status: 204 });
    });
    await using cluster = await Cluster.start({ nodes: 2 });
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const path = `${cluster.root}/build.toml`;
    const run = async (step: string) => {
      await Deno.writeTextFile(
        path,
        nativeJob(
          "build",
          step,
          `[notify]
on = ["failure", "recovered"]
webhook = "http://127.0.0.1:${server.addr.port}/hook"
`,
        ),
      );
      await cluster.run(["job", "submit", path]);
    };
    await run("exit 3");
    await eventually("the failure is told", () => got.length === 1);
    assert.deepEqual([got[0].on, got[0].state, got[0].reason], ["failure", "failed", "exited with code 3"]);
    assert.match(got[0].run, /^build-[0-9a-f]{12}$/);
    await run("true");
    await eventually("the recovery is told", () => got.length === 2);
    assert.equal(got[1].on, "recovered");
    await run("true");
    await run("exit 4");
    await eventually("the next failure is told", () => got.length === 3);
    assert.equal(got[2].reason, "exited with code 4");
    await server.shutdown();
  },
});
