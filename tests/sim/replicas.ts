/**
 * Replicas of a simulated machine: what begins and what ends is what a real node decides too (`core/own_replicas.ts`);
 * that it takes a while, and fails when a package is bad, is made here.
 */
import {
  holdersOfVolumes,
  orderReplicas,
  replicaEnded,
  type ReplicaStep,
  type RunOrder,
} from "../../agent/core/mod.ts";
import type { CommandBody, ReplicaState } from "../../agent/protocol/mod.ts";
import { between } from "./chance.ts";
import type { SimNode, World } from "./world.ts";

/** A replica, from its beginning until it has ended. */
export interface FakeReplica {
  readonly order: RunOrder;
  state: Extract<ReplicaState, "fetching" | "starting" | "healthy" | "failed" | "ended" | "stopping">;
  /** All that it needs is there: its predecessor on the same volumes may end. */
  prepared: boolean;
  /** What its inputs by git stand for, once it knows. */
  commits?: Readonly<Record<string, string>>;
  /** It started: what it has open it may write to, until it has ended. */
  opened: boolean;
  /** Replicas that wait to end until this one is prepared. */
  readonly onPrepared: (() => void)[];
}

/** Makes what runs on a machine equal to what was ordered. */
export function reconcileReplicas(world: World, node: SimNode, orders: readonly RunOrder[]): void {
  const before = new Set(node.own.orders.map((o) => o.replica));
  world.wantedAgain += orders.filter((o) => node.own.ending.has(o.replica) && !before.has(o.replica)).length;
  carryOut(world, node, orderReplicas(node.own, orders));
}

function carryOut(world: World, node: SimNode, steps: readonly ReplicaStep[]): void {
  for (const step of steps) {
    if (step.t === "begin") begin(world, node, step.order);
    else {
      const fake = node.running.get(step.order.replica)!;
      const successor = step.successor === undefined ? undefined : node.running.get(step.successor)!;
      if (!successor || successor.prepared) end(world, node, fake);
      else successor.onPrepared.push(() => end(world, node, fake));
    }
  }
}

/** Runs `then` after a while, unless the machine crashed or the replica is gone by then. */
function later(world: World, node: SimNode, fake: FakeReplica, ms: number, then: () => void): void {
  const { running } = node;
  world.at(world.now + ms, () => {
    if (node.running === running && running.get(fake.order.replica) === fake) then();
  });
}

function begin(world: World, node: SimNode, order: RunOrder): void {
  const fake: FakeReplica = { order, state: "fetching", prepared: false, opened: false, onPrepared: [] };
  node.running.set(order.replica, fake);
  report(world, node, fake);
  later(world, node, fake, between(world.random, world.pace.prepareMs), () => {
    resolveInputs(world, fake);
    report(world, node, fake);
    later(world, node, fake, between(world.random, world.pace.prepareMs), () => {
      markPrepared(fake);
      start(world, node, fake);
    });
  });
}

/** Finds out what its repositories stand for now, unless that was decided. */
function resolveInputs(world: World, fake: FakeReplica): void {
  const { spec } = fake.order.revision;
  const commits = spec.service?.run.inputs.flatMap((i) => {
    if (i.from !== "git") return [];
    const known = fake.order.commits?.[i.mount] ?? world.repositories.get(i.url)?.get(i.ref ?? "main");
    return known === undefined ? [] : [[i.mount, known] as const];
  }) ?? [];
  if (commits.length > 0) fake.commits = Object.fromEntries(commits);
}

function markPrepared(fake: FakeReplica): void {
  fake.prepared = true;
  for (const run of fake.onPrepared.splice(0)) run();
}

/** Starts it once its volumes are free; asked again when a replica has ended. */
function start(world: World, node: SimNode, fake: FakeReplica): void {
  if (fake.state !== "fetching" || !fake.prepared) return;
  const { order } = fake;
  if (holdersOfVolumes(node.own, order).length > 0) return;
  fake.state = "starting";
  fake.opened = true;
  for (const volume of order.revision.spec.volumes) {
    const name = `${order.app}/${order.slot}/${volume}`;
    node.volumes.set(name, (node.volumes.get(name) ?? 0) + 1);
  }
  report(world, node, fake);
  const bad = world.badPackages.has(order.revision.spec.package);
  later(world, node, fake, between(world.random, world.pace.startMs), () => {
    if (fake.state !== "starting") return;
    fake.state = bad ? "failed" : "healthy";
    report(world, node, fake);
    if (!bad && world.endingPackages.has(order.revision.spec.package)) {
      later(world, node, fake, between(world.random, world.pace.startMs), () => {
        if (fake.state !== "healthy") return;
        fake.state = "ended";
        world.endedReplicas.add(order.replica);
        report(world, node, fake);
      });
    }
  });
}

/** Ends it: what is in flight takes a while, the less the more replicas are idle. */
function end(world: World, node: SimNode, fake: FakeReplica): void {
  const { running } = node;
  const id = fake.order.replica;
  if (running.get(id) !== fake) return;
  fake.state = "stopping";
  report(world, node, fake);
  later(world, node, fake, between(world.random, world.pace.endMs), () => {
    running.delete(id);
    markPrepared(fake);
    world.event(node, { t: "gone", replica: id });
    // The machine may have been switched off by what came of it.
    if (node.running !== running) return;
    carryOut(world, node, replicaEnded(node.own, id));
    for (const other of running.values()) start(world, node, other);
  });
}

function report(world: World, node: SimNode, fake: FakeReplica): void {
  const { order, state } = fake;
  const since = world.now;
  const { running } = node;
  world.at(since, () => {
    if (node.running !== running || running.get(order.replica) !== fake) return;
    world.event(node, {
      t: "replica",
      status: {
        app: order.app,
        replica: order.replica,
        revision: order.revision.id,
        epoch: order.epoch,
        state,
        restarts: 0,
        since,
        ...(fake.commits ? { commits: fake.commits } : {}),
        ...(state === "failed" ? { reason: "exited with code 1" } : {}),
      },
    });
  });
}

/** What a test wants of a deploy; the rest is usual. */
export interface DeployOptions {
  /** One hex digit, repeated. */
  readonly pkg?: string;
  readonly replicas?: number | "all";
  readonly tags?: string[];
  readonly volumes?: string[];
  readonly memoryMb?: number;
  readonly strategy?: "rolling" | "all" | "canary";
}

/** The body of a deploy. */
export const deployOf = (app: string, options: DeployOptions): CommandBody<"app.deploy"> => ({
  app,
  spec: {
    package: (options.pkg ?? "a").repeat(64).slice(0, 64),
    version: "1.0.0",
    kind: "component",
    memory_mb: options.memoryMb ?? 64,
    routes: [app],
    volumes: options.volumes ?? [],
    bytes: 1000,
  },
  replicas: options.replicas ?? 1,
  tags: options.tags ?? [],
  strategy: options.strategy ?? "rolling",
});
