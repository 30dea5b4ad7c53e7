/** kill -9 of supervisor and agent at every step of an upgrade: the node comes up with one good version each time. */
import assert from "node:assert/strict";
import { returnSteps, type UpgradeStep, upgradeSteps } from "../../agent/upgrade/mod.ts";
import { Cluster, eventually, freePort } from "../cluster.ts";
import { makeExecutable, refresh, refreshAll, upgradeStatus, versions } from "../upgrade_bed.ts";

const steps: readonly (readonly [UpgradeStep, "good" | "crashes"])[] = [
  ...upgradeSteps.map((step) => [step, "good"] as const),
  ...returnSteps.map((step) => [step, "crashes"] as const),
];

Deno.test({
  name:
    `kill -9 at each of ${steps.length} steps of an upgrade: the node comes up with one good version and the rollout ends`,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    // Both nodes restart while the other is away: they find each other again by addresses that stay, as in any realm.
    const ports = [freePort(), freePort()];
    await using cluster = await Cluster.start({
      nodes: 2,
      flags: (i) => ["--listen", `127.0.0.1:${ports[i]}`],
    });
    const [, victim] = cluster.nodes;
    let standing = "0.1.0", n = 0;
    const told: string[] = [];
    for (const [step, behaviour] of steps) {
      const version = `9.0.${++n}`;
      const file = await makeExecutable(`${cluster.root}/${version}`, version, { behaviour });
      await cluster.stop(victim);
      await Deno.remove(`${victim.dataDir}/halted`).catch(() => {});
      await cluster.restart(victim, [], { REALM_HALT_AT: step });
      await eventually(
        "the victim is back",
        async () => (await versions(cluster))[1] === `n1 ${standing} alive`,
      );
      await cluster.realm("upgrade", file, "--canary", "n1", "--probation", "1s", "--detach");
      await eventually(
        `the victim halts at ${step}`,
        async () => await Deno.readTextFile(`${victim.dataDir}/halted`) === step,
        60_000,
      );
      try {
        refresh(victim);
      } catch { /* no agent runs at this step */ }
      await cluster.kill(victim);
      await cluster.restart(victim);
      const expected = behaviour === "good" ? version : standing;
      const ended = behaviour === "good" ? "done" : "stopped";
      await eventually(
        `after a kill at ${step} the victim runs ${expected} and the rollout is ${ended}`,
        async () => {
          const view = await upgradeStatus(cluster);
          const node = view.nodes.find((v) => v.name === "n1")!;
          const isAt = behaviour === "good" ? "done" : "rolled_back";
          return view.phase === ended && node.version === expected && node.lives && node.state === isAt;
        },
        90_000,
      );
      const pointer = JSON.parse(await Deno.readTextFile(`${victim.dataDir}/versions/pointer.json`));
      assert.equal(pointer.trial, undefined, step);
      standing = expected;
      told.push(step);
      await refreshAll(cluster);
    }
    console.log(`killed at ${told.join(", ")}: one good version each time`);
    const kept = [...Deno.readDirSync(`${victim.dataDir}/versions`)].filter((e) => e.isDirectory).length;
    assert.ok(kept <= 3, `${kept} versions are kept`);
  },
});
