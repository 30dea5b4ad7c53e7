/** Machines that are too slow for what runs on them: nodes that get no processor for a while. */
import type { SimNode, World } from "./world.ts";

/**
 * For `ms` the node gets no processor. Then its timers fire first and what came meanwhile is read after them, as in an
 * event loop.
 */
export function stall(world: World, node: SimNode, ms: number): void {
  const { core } = node;
  if (!core || world.now < node.stalledUntil) return;
  node.stalledUntil = Math.ceil(world.now + ms);
  world.at(node.stalledUntil, () => {
    const waiting = node.waiting.splice(0);
    if (node.core !== core) return;
    world.event(node, { t: "tick" });
    for (const event of waiting) world.event(node, event);
  });
}

/** Lets each node stall for up to `mostMs`, and run for as long at most, until `ms` have passed. */
export function overload(world: World, nodes: readonly SimNode[], mostMs: number, ms: number): void {
  const end = world.now + ms;
  const next = (node: SimNode) => {
    if (world.now >= end) return;
    const stalledMs = world.random() * mostMs;
    stall(world, node, stalledMs);
    world.at(world.now + stalledMs + world.random() * mostMs, () => next(node));
  };
  for (const node of nodes) world.at(world.now + world.random() * mostMs, () => next(node));
}
