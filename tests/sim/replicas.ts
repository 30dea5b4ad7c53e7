/** Replicas of a simulated machine: they start after a moment, and fail when their package is bad. */
import type { RunOrder } from "../../agent/core/mod.ts";
import type { CommandBody } from "../../agent/protocol/mod.ts";
import type { SimNode, World } from "./world.ts";

/** A replica. */
export interface FakeReplica {
  readonly order: RunOrder;
  state: "starting" | "healthy" | "failed";
}

/** Makes what runs on a machine equal to what was ordered. */
export function reconcileReplicas(world: World, node: SimNode, orders: readonly RunOrder[]): void {
  const wanted = new Set(orders.map((o) => o.replica));
  for (const [id] of node.running) {
    if (wanted.has(id)) continue;
    node.running.delete(id);
    world.at(world.now + 1, () => world.event(node, { t: "gone", replica: id }));
  }
  for (const order of orders) {
    if (node.running.has(order.replica)) continue;
    const fake: FakeReplica = { order, state: "starting" };
    node.running.set(order.replica, fake);
    const core = node.core;
    const bad = world.badPackages.has(order.revision.spec.package);
    for (const volume of order.revision.spec.volumes) {
      const name = `${order.app}/${order.slot}/${volume}`;
      node.volumes.set(name, (node.volumes.get(name) ?? 0) + 1);
    }
    report(world, node, fake);
    world.at(world.now + 100 + world.random() * 400, () => {
      if (node.core !== core || node.running.get(order.replica) !== fake) return;
      fake.state = bad ? "failed" : "healthy";
      report(world, node, fake);
    });
  }
}

function report(world: World, node: SimNode, fake: FakeReplica): void {
  const { order } = fake;
  world.at(world.now, () =>
    world.event(node, {
      t: "replica",
      status: {
        app: order.app,
        replica: order.replica,
        revision: order.revision.id,
        epoch: order.epoch,
        state: fake.state,
        restarts: 0,
        since: world.now,
        ...(fake.state === "failed" ? { reason: "exited with code 1" } : {}),
      },
    }));
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
