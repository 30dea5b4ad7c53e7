/** Upgrades of a fleet of real processes: good and bad releases by the command line, under load. */
import assert from "node:assert/strict";
import type { UpgradeView } from "../../mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { type Behaviour, makeExecutable, refreshAll, upgradeStatus, versions } from "../upgrade_bed.ts";

const VERSION = "9.0.0";

const short = ["--probation", "2s", "--deadline", "32s"];

Deno.test({
  name: "realm upgrade brings three nodes to a release, plan first, canary first; the same again is refused",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 3 });
    const file = await makeExecutable(`${cluster.root}/dist`, VERSION);
    const plan = JSON.parse(await cluster.realm("upgrade", file, "--plan", "--canary", "n2", "--json"));
    assert.deepEqual(plan.nodes.map((n: { name: string; action: string }) => `${n.name} ${n.action}`), [
      "n2 canary",
      "n0 batch",
      "n1 batch",
    ]);
    assert.equal((await cluster.run(["upgrade", "status"])).code, 4);
    const done = await cluster.run([
      "upgrade",
      "--all-platforms",
      `${cluster.root}/dist`,
      "--canary",
      "n2",
      ...short,
    ]);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /^3 of 3 nodes run version 9\.0\.0\.$/m);
    const [n0, n1, n2] = (await upgradeStatus(cluster)).nodes.map((n) => n.since!);
    assert.ok(n2 < n0 && n2 < n1, "the canary came last");
    for (const state of ["switching", "probation", "done"]) {
      assert.ok(done.stderr.includes(state), state);
    }
    assert.deepEqual(await versions(cluster), ["n0", "n1", "n2"].map((n) => `${n} ${VERSION} alive`));
    const told = await cluster.realm("events");
    for (
      const what of [
        `the upgrade to version ${VERSION} begins`,
        `n2 restarts as version ${VERSION}`,
        `n2 keeps version ${VERSION}, which proved itself`,
        `the upgrade to version ${VERSION} is done`,
      ]
    ) assert.ok(told.includes(what), `${what}: ${told}`);
    const again = await cluster.run(["upgrade", file]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /no node would change: n0: version 9\.0\.0 is installed already/);
    const older = await cluster.run(["upgrade", await makeExecutable(`${cluster.root}/old`, "8.0.0")]);
    assert.match(older.stderr, /is older than the installed 9\.0\.0; give --allow-downgrade/);
    const history = JSON.parse(await cluster.realm("upgrade", "history", "--json")) as UpgradeView[];
    assert.deepEqual(history.map((u) => [u.version, u.phase]), [[VERSION, "done"]]);
    // A restart of the machine starts the version that proved itself.
    await refreshAll(cluster);
    await cluster.kill(cluster.nodes[1]);
    await cluster.restart(cluster.nodes[1]);
    await eventually("n1 is back", async () => (await versions(cluster))[1] === `n1 ${VERSION} alive`);
    await refreshAll(cluster);
  },
});

const reasons: Readonly<Record<Exclude<Behaviour, "good">, RegExp>> = {
  crashes: /it ended with exit code 3; it said last: boom/,
  crashes_later: /it ended with SIGKILL/,
  hangs: /it did not prove itself within 32 s/,
  cannot_join: /it did not prove itself within 32 s/,
  fails_self_test: /its self-test ended with 7: no such instruction/,
};

Deno.test({
  name:
    "bad releases take the canary alone, which returns within 60 s; the rollout stops, says why, and a good one follows",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 3 });
    const canary = cluster.nodes[1];
    let patch = 0;
    const figures: string[] = [];
    for (const behaviour of Object.keys(reasons) as (keyof typeof reasons)[]) {
      const version = `9.0.${++patch}`;
      const peers = await cluster.client(cluster.nodes[0]).nodes();
      const deaf = peers.filter((n) => n.name !== canary.name).flatMap((n) => n.info!.addresses)
        .flatMap((a) => /tcp\/(\d+)/.exec(a)?.[1] ?? []);
      const file = await makeExecutable(`${cluster.root}/${behaviour}`, version, { behaviour, deaf });
      const started = performance.now();
      const probation = behaviour === "crashes_later" ? "15s" : "2s";
      const ran = await cluster.run([
        "upgrade",
        file,
        "--canary",
        canary.name,
        "--probation",
        probation,
        "--deadline",
        "32s",
      ]);
      const seconds = (performance.now() - started) / 1000;
      assert.equal(ran.code, 1, `${behaviour}: ${ran.stderr}`);
      assert.match(ran.stderr, /the upgrade is stopped: n1 keeps version 0\.1\.0: /, behaviour);
      assert.match(ran.stderr, reasons[behaviour], behaviour);
      await eventually(
        "the canary is back",
        async () =>
          (await versions(cluster)).join() === ["n0", "n1", "n2"].map((n) => `${n} 0.1.0 alive`).join(),
        20_000,
      );
      const view = await upgradeStatus(cluster);
      assert.deepEqual(view.nodes.map((n) => `${n.name} ${n.state}`), [
        "n0 skipped",
        "n1 rolled_back",
        "n2 skipped",
      ], `${behaviour}: ${JSON.stringify(view.nodes)}\n${ran.stderr}\n${canary.output.slice(-3_000)}`);
      assert.ok(view.artifacts[0].quarantined, behaviour);
      assert.ok(seconds < 60, `${behaviour} took ${seconds} s`);
      figures.push(`${behaviour} ${seconds.toFixed(1)} s`);
    }
    console.log(`back at the old version and stopped after: ${figures.join(", ")}`);
    const good = await makeExecutable(`${cluster.root}/good`, "9.1.0");
    const done = await cluster.run(["upgrade", good, "--canary", canary.name, ...short]);
    assert.equal(done.code, 0, done.stderr);
    assert.deepEqual(await versions(cluster), ["n0", "n1", "n2"].map((n) => `${n} 9.1.0 alive`));
    await refreshAll(cluster);
  },
});
