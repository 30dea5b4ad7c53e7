/** A random history: machines join, die, come back, lose disks, the network breaks; people deploy, scale, roll back. */
import { checkSafety, disagreement, unfulfilled } from "./checks.ts";
import { storeDigest } from "../../agent/core/mod.ts";
import { brisk, calm, sluggish, storm } from "./chance.ts";
import { type SimNode, World } from "./world.ts";

/** Outcome of one history. */
export interface Outcome {
  readonly seed: number;
  readonly nodes: number;
  readonly failure?: string;
  /** Virtual milliseconds from the end of all trouble to full agreement. */
  readonly healedMs?: number;
  readonly messages: number;
  /** Fingerprint of the end state: the same seed gives the same. */
  readonly digest: string;
}

/** Builds a realm of `count` machines that joined through random members. */
export function gather(world: World, count: number): SimNode[] {
  const nodes = [world.found("n0")];
  const invite = world.invite(10_000);
  for (let i = 1; i < count; i++) {
    const node = world.machine(`n${i}`, i % 3 === 0 ? ["edge"] : []);
    const reply = world.join(node, world.pick(nodes), invite);
    if (!reply.ok) throw new Error(`join refused: ${reply.message}`);
    nodes.push(node);
    if (i % 10 === 0) world.run(50);
  }
  world.run(2_000);
  return nodes;
}

/** Runs one history and checks it; `say`: hears how far it is. */
export function runHistory(
  seed: number,
  count: number,
  troubleMs = 60_000,
  say: (stage: string) => void = () => {},
): Outcome {
  const world = new World(seed);
  const nodes = gather(world, count);
  say(`${count} nodes joined`);
  const apps = ["web", "api", "db"];
  const fail = (failure: string): Outcome => ({
    seed,
    nodes: count,
    failure: `${failure}\n    repeat with: deno task sim --nodes ${count} --seed ${seed}`,
    messages: world.messages,
    digest: "",
  });
  world.weather = storm;
  world.pace = sluggish;
  const end = world.now + troubleMs;
  while (world.now < end) {
    world.run(200 + world.random() * 2_000);
    const up = world.alive();
    const dice = world.random();
    const via = world.pick(up);
    if (dice < 0.2 && up.length > count / 2) world.crash(world.pick(up), world.random() < 0.1);
    else if (dice < 0.45) {
      const down = [...world.nodes.values()].filter((n) => !n.core);
      if (down.length > 0) world.start(world.pick(down));
    } else if (dice < 0.5) {
      const half = new Set(up.filter(() => world.random() < 0.4).map((n) => n.id));
      world.partition([[...half], [...world.nodes.keys()].filter((id) => !half.has(id))]);
    } else if (dice < 0.65) world.heal();
    else if (dice < 0.85) {
      const app = world.pick(apps);
      const pkg = world.pick(["a", "b", "c", "d"]);
      if (pkg === "d") world.badPackages.add("d".repeat(64));
      world.deploy(via, app, {
        pkg,
        replicas: app === "db" ? 1 : world.pick([1, 2, 3, "all"] as const),
        volumes: app === "db" ? ["data"] : [],
        strategy: world.pick(["rolling", "all", "canary"] as const),
      });
    } else if (dice < 0.9) {
      world.submit(via, world.command("app.scale", { app: "web", replicas: Math.floor(world.random() * 5) }));
    } else if (dice < 0.95) {
      const node = world.pick(up).id;
      world.submit(via, world.command(world.random() < 0.4 ? "node.drain" : "node.uncordon", { node }));
    } else {
      const revisions = via.core!.apps.get("web")?.revisions ?? [];
      if (revisions.length > 0) {
        world.submit(via, world.command("app.rollback", { app: "web", revision: world.pick(revisions).id }));
      }
    }
    const wrong = checkSafety(world);
    if (wrong.length > 0) return fail(wrong[0]);
  }
  say(`${troubleMs} virtual ms of trouble are over`);
  world.weather = calm;
  world.pace = brisk;
  world.heal();
  // Later than any command before: of two commands in one millisecond the ids decide.
  world.run(10);
  for (const node of nodes) if (!node.core) world.start(node);
  const whole = () => nodes.every((n) => n.core!.members.admitted.size === count);
  if (world.until(whole, 30_000) === undefined) return fail("a node does not know all members after 30 s");
  say("every node knows all members");
  for (const node of nodes) world.submit(nodes[0], world.command("node.uncordon", { node: node.id }));
  const start = world.now;
  // Bad packages as a first deploy have nothing to return to: wish for a good one at the end.
  for (const app of apps) {
    world.deploy(nodes[0], app, {
      pkg: "a",
      replicas: app === "db" ? 1 : app === "api" && seed % 2 === 0 ? "all" : 2,
      volumes: app === "db" ? ["data"] : [],
    });
  }
  const well = () =>
    disagreement(world) === undefined && apps.every((a) => unfulfilled(world, a) === undefined);
  if (world.until(well, 90_000) === undefined) {
    return fail(
      `not healed after 90 s: ${
        disagreement(world) ?? apps.map((a) => unfulfilled(world, a)).find((x) => x)
      }`,
    );
  }
  const wrong = checkSafety(world);
  if (wrong.length > 0) return fail(wrong[0]);
  const digest = storeDigest(nodes[0].core!.store);
  return { seed, nodes: count, healedMs: world.now - start, messages: world.messages, digest };
}
