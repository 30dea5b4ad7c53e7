/** Native programs as jobs on real nodes: policy before anything, then steps, limits, files, audit. */
import assert from "node:assert/strict";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { endOf, linuxTest, sleepersOf, submitNative } from "../native_jobs.ts";

const step = (run: string) => `[[step]]\nname = "it"\nrun = ${JSON.stringify(run)}\n`;
async function outputOf(cluster: Cluster, node: ClusterNode, run: string): Promise<string> {
  let text = "";
  for await (const entry of cluster.client(node).runLogs(run)) {
    if (entry.stream !== "system") text += `${entry.text}\n`;
  }
  return text;
}

linuxTest(
  "a native job waits until policy allows it, which is named with the command; then it runs in a sandbox, audited",
  async () => {
    await using cluster = await Cluster.start({ nodes: 2 });
    const [node, other] = cluster.nodes;
    await Deno.mkdir(`${cluster.root}/src`);
    await Deno.writeTextFile(`${cluster.root}/src/in.txt`, "from the submitter\n");
    const run = await submitNative(
      cluster,
      "build",
      `memory_mb = 64
[execution]
working_dir = "/src"
[[step]]
name = "make"
run = "cat in.txt; echo made > out.txt; test ! -e $REALM_ROOT/keys"
[[step]]
name = "fails"
command = ["false"]
continue_on_error = true
[[step]]
name = "show"
command = ["cat", "out.txt"]
[data]
inputs = [{ path = "src", mount = "/src" }]
outputs = [{ path = "/src/out.txt", name = "out" }]
`,
    );
    const why = await eventually("the reason is known", async () => {
      const view = await cluster.client(node).why(run);
      return view.nodes.length === 2 && view;
    });
    assert.ok(
      why.nodes.every((n) => n.reasons.includes("its policy allow_native_execution = false refuses it")),
    );
    assert.match(why.fix!, /^realm policy set allow_native_execution=true --node \S+$/);
    const [, , , ...rest] = why.fix!.split(" ");
    await cluster.realm("policy", "set", ...rest);
    const view = await endOf(cluster, node, run);
    assert.equal(view.state, "succeeded", `${view.reason}`);
    assert.equal(await outputOf(cluster, other, run), "from the submitter\nmade\n");
    assert.match(view.attempts[0].report!.level, /^(floor|namespaced)$/);
    assert.deepEqual(view.artifacts.map((a) => a.name), ["out"]);
    const where = cluster.nodes.find((n) => n.name === view.attempts[0].node_name)!;
    const entries = await cluster.client(where).audit({ action: "native.start" });
    assert.equal(entries.filter((e) => e.target === run && e.result === "accepted").length, 3);
  },
);

linuxTest(
  "limits of native jobs are kept and named, and what asks for more than policy gives stays out",
  async () => {
    await using cluster = await Cluster.start({ nodes: 1 });
    const [node] = cluster.nodes;
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const slow = await submitNative(
      cluster,
      "slow",
      `${step("sleep 600")}[execution]\ntimeout_minutes = 0.02\n`,
    );
    const full = await submitNative(
      cluster,
      "full",
      `disk_mb = 8\n${step("for i in 1 2 3 4 5 6; do head -c 4M /dev/zero > f$i; done; sleep 600")}`,
    );
    const bad = await submitNative(cluster, "bad", step("exit 7"));
    const net = await submitNative(cluster, "net", `${step("true")}[sandbox]\nnetwork = "full"\n`);
    assert.equal((await endOf(cluster, node, slow)).state, "timed_out");
    assert.match(
      (await endOf(cluster, node, full)).reason!,
      /its files take \d+ MiB of 8 MiB; raise disk_mb/,
    );
    assert.equal((await endOf(cluster, node, bad)).reason, "exited with code 7");
    const why = await cluster.client(node).why(net);
    assert.match(why.nodes[0].reasons.join(), /its policy native_network = none refuses it/);
  },
);

linuxTest("a job that is cancelled ends with all its processes", async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  const [node] = cluster.nodes;
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const mark = `41.25${Math.floor(Math.random() * 1e6)}`;
  const left = () => sleepersOf(mark).length;
  const run = await submitNative(cluster, "long", step(`setsid sleep ${mark} & sleep ${mark}`));
  await eventually("both processes run", () => left() === 2, 40_000);
  await cluster.realm("job", "cancel", run);
  await eventually("its processes are gone", () => left() === 0, 40_000);
  const view = await endOf(cluster, node, run);
  assert.equal(view.state, "cancelled", `${view.reason}`);
});
