/** A random history of an upgrade: machines die in every state of it, the network breaks, people abort and resume. */
import { currentRollout, standingUpgrade } from "../../agent/core/mod.ts";
import { disagreement } from "./checks.ts";
import { gather } from "./scenarios.ts";
import { type BadRelease, upgradeTo } from "./upgrades.ts";
import { calm, type SimNode, storm, World } from "./world.ts";

/** Outcome of one history. */
export interface UpgradeOutcome {
  readonly failure?: string;
  readonly bad: BadRelease | undefined;
  /** Nodes that returned to the old version. */
  readonly returned: number;
  /** Virtual milliseconds from the end of all trouble to the end of the rollout. */
  readonly healedMs: number;
}

const VERSION = "1.0.0";

/** What must hold at every moment: a bad release runs on canaries alone. */
function unsafe(world: World, canaries: readonly SimNode[], bad: BadRelease | undefined): string | undefined {
  if (!bad) return undefined;
  const names = canaries.map((n) => n.name);
  const others = [...world.ran.get(VERSION) ?? []].filter((name) => !names.includes(name));
  return others.length > 0
    ? `the bad release ran on ${others.join(", ")}, canaries are ${names.join(", ")}`
    : undefined;
}

/** Runs one history and checks it. */
export function runUpgradeHistory(seed: number, count: number): UpgradeOutcome {
  const world = new World(seed);
  const nodes = gather(world, count);
  world.deploy(nodes[0], "web", { replicas: 2 });
  world.run(3_000);
  const bad = world.random() < 0.5
    ? world.pick(["crashes", "crashes_later", "hangs", "cannot_join"] as const)
    : undefined;
  if (bad) world.badReleases.set(VERSION, bad);
  const canaries = world.random() < 0.5 ? [nodes[1]] : [nodes[1], nodes[4]];
  const returned = () => nodes.filter((n) => n.installation.quarantined.length > 0).length;
  const fail = (failure: string): UpgradeOutcome => ({
    failure: `seed ${seed}: ${failure}`,
    bad,
    returned: returned(),
    healedMs: 0,
  });
  const accepted = world.submit(
    nodes[2],
    world.command("upgrade.start", upgradeTo(world, VERSION, canaries)),
  );
  if (!accepted.ok) return fail(accepted.message);
  const upgrade = accepted.value.id;
  world.weather = storm;
  const end = world.now + 90_000;
  while (world.now < end) {
    world.run(200 + world.random() * 3_000);
    const up = world.alive(), dice = world.random();
    if (up.length === 0) continue;
    if (dice < 0.2 && up.length > count / 2) world.crash(world.pick(up));
    else if (dice < 0.5) {
      // Those that an upgrade holds start by themselves.
      const down = nodes.filter((n) =>
        !n.core && (!n.installation.trial || world.now > n.installation.trial.until)
      );
      if (down.length > 0) world.start(world.pick(down));
    } else if (dice < 0.58) {
      const half = new Set(up.filter(() => world.random() < 0.4).map((n) => n.id));
      world.partition([[...half], [...world.nodes.keys()].filter((id) => !half.has(id))]);
    } else if (dice < 0.75) world.heal();
    else if (dice < 0.8) world.submit(world.pick(up), world.command("upgrade.abort", { upgrade }));
    else if (dice < 0.9) {
      world.submit(
        world.pick(up),
        world.command("upgrade.resume", { upgrade, retry: !bad && world.random() < 0.5 }),
      );
    }
    const wrong = unsafe(world, canaries, bad);
    if (wrong) return fail(wrong);
  }
  world.weather = calm;
  world.heal();
  world.run(10);
  const healing = world.now;
  const phase = (n: SimNode) =>
    n.core && standingUpgrade(n.core.upgrades, currentRollout(n.core.upgrades)!.id, () => true)?.value.phase;
  const settled = () =>
    nodes.every((n) => n.core && !n.installation.trial) && disagreement(world) === undefined;
  const ends = () =>
    settled() &&
    nodes.every((n) => bad ? phase(n) !== "running" : phase(n) === "done" && n.version === VERSION);
  for (let round = 0; round < 6 && !ends(); round++) {
    for (const n of nodes) if (!n.core && !n.installation.trial) world.start(n);
    for (const n of nodes) if (!n.core && n.installation.trial && !bad) world.start(n);
    world.run(5_000);
    const via = nodes.find((n) => n.core);
    if (via) world.submit(via, world.command("upgrade.resume", { upgrade, retry: !bad }));
    world.until(ends, 200_000);
  }
  if (!ends()) {
    const seen = nodes.map((n) =>
      `${n.name} ${n.version} ${phase(n)} ${n.core?.upgrades.statuses.get(n.id)?.state}`
    );
    return fail(`not ended: ${disagreement(world) ?? ""} ${seen.join("; ")}`);
  }
  const wrong = unsafe(world, canaries, bad);
  if (wrong) return fail(wrong);
  if (bad && nodes.some((n) => n.version !== "0.0.0")) return fail("a node stands at the bad release");
  return { bad, returned: returned(), healedMs: world.now - healing };
}
