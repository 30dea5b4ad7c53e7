/** What the effects of a core do in the simulated world, as `agent/node/effects.ts` does in the real one. */
import type { Effect } from "../../agent/core/mod.ts";
import { reconcileAttempts } from "./attempts.ts";
import { reconcileReplicas } from "./replicas.ts";
import { lookAt } from "./repositories.ts";
import { sealFor } from "./secrets.ts";
import { reconcileUpgrade } from "./upgrades.ts";
import type { SimNode, World } from "./world.ts";

/** Carries out what a core wants. */
export function performEffects(world: World, node: SimNode, effects: readonly Effect[]): void {
  for (const effect of effects) {
    switch (effect.t) {
      case "persist":
        for (const r of effect.records) node.disk.set(`${r.author} ${r.key}`, r);
        break;
      case "forget":
        for (const r of effect.records) {
          const name = `${r.author} ${r.key}`;
          if (node.disk.get(name)?.hash === r.hash) node.disk.delete(name);
        }
        break;
      case "send":
        world.send(node.id, effect.to, effect.message);
        break;
      case "publish":
        if (!world.gossip) break;
        for (const other of world.nodes.keys()) {
          if (other !== node.id) world.send(node.id, other, effect.message, 2);
        }
        break;
      case "reply":
        world.replies.set(effect.ref, effect.reply);
        break;
      case "run":
        reconcileReplicas(world, node, effect.orders);
        break;
      case "attempts":
        reconcileAttempts(world, node, effect.orders);
        break;
      case "seal":
        world.event(node, {
          t: "sealed",
          name: effect.name,
          version: effect.version,
          boxes: sealFor(world, node, effect),
        });
        break;
      case "statuses":
        world.statuses.set(node.id, effect.list);
        break;
      case "look":
        lookAt(world, node, effect.order);
        break;
      case "upgrade":
        reconcileUpgrade(world, node, effect.order);
        break;
      case "connect":
        for (const id of effect.neighbours) {
          if (world.reaches(node.id, id)) {
            world.at(world.now + 2, () => world.event(node, { t: "peer", id, connected: true }));
          }
        }
        break;
    }
  }
}
