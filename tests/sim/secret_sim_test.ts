import assert from "node:assert/strict";
import { allRecords, applyBoxes, secretNamed, whyNoSecrets } from "../../agent/core/mod.ts";
import { canonicalJson, keyIdOf, openScope, sealGrant, type SecretScope } from "../../agent/protocol/mod.ts";
import { createSigner } from "../../agent/platform/crypto.ts";
import { specOf } from "./attempts.ts";
import { createMachine } from "./machine.ts";
import { openAt, setSecret } from "./secrets.ts";
import { type SimNode, storm, World } from "./world.ts";

const tagged = (...tags: string[]): SecretScope => ({ ...openScope, tags });

/** A realm of `n` nodes. */
function realm(seed: number, n: number): { world: World; nodes: SimNode[] } {
  const world = new World(seed);
  const nodes = [world.found()];
  const invite = world.invite(n);
  for (let i = 1; i < n; i++) {
    const node = world.machine(`n${i}`);
    assert.ok(world.join(node, nodes[0], invite).ok);
    nodes.push(node);
  }
  world.run(5_000);
  return { world, nodes };
}
const tag = (world: World, via: SimNode, node: SimNode, ...tags: string[]) =>
  assert.ok(world.submit(via, world.command("node.tag", { node: node.id, tags })).ok);
const who = (world: World, nodes: readonly SimNode[], name: string) =>
  nodes.filter((n) => openAt(world, n, name) !== undefined).map((n) => n.name);
/** What all nodes think of a secret; fails when they differ. */
function agreed(nodes: readonly SimNode[], name: string): string {
  const texts = nodes.filter((n) => n.core).map((n) => {
    const secret = secretNamed(n.core!.secrets, name);
    const boxes = [...secret?.boxes ?? []].map(([id, list]) => [id, [...list].sort()]).sort();
    return canonicalJson({ ...secret, boxes });
  });
  assert.equal(new Set(texts).size, 1);
  return texts[0];
}

Deno.test("a member that joins later is given the secrets that are for all, by a holder", () => {
  const { world, nodes } = realm(11, 3);
  assert.ok(setSecret(world, nodes[0], "token", "hunter22", nodes).ok);
  world.run(1_000);
  const late = world.machine("late");
  assert.ok(world.join(late, nodes[1], world.invite()).ok);
  assert.ok(world.until(() => openAt(world, late, "token") === "hunter22", 10_000) !== undefined);
});

Deno.test("a node gets a secret for a tag when the realm gives it the tag, not when it gives it itself", () => {
  const { world, nodes } = realm(12, 3);
  tag(world, nodes[0], nodes[1], "deploy");
  world.run(1_000);
  assert.ok(setSecret(world, nodes[0], "token", "hunter22", [nodes[1]], tagged("deploy")).ok);
  const sly = world.machine("sly", ["deploy"]);
  assert.ok(world.join(sly, nodes[0], world.invite()).ok);
  world.run(60_000);
  assert.deepEqual(who(world, [...nodes, sly], "token"), ["n1"]);
  tag(world, nodes[0], nodes[2], "deploy");
  assert.ok(world.until(() => openAt(world, nodes[2], "token") === "hunter22", 10_000) !== undefined);
  assert.deepEqual(who(world, [...nodes, sly], "token"), ["n1", "n2"]);
});

Deno.test("holders die in any order: whoever is left seals to those that come to be entitled", () => {
  const { world, nodes } = realm(13, 6);
  for (const node of nodes.slice(0, 5)) tag(world, nodes[0], node, "a");
  world.run(1_000);
  assert.ok(setSecret(world, nodes[0], "token", "hunter22", nodes.slice(0, 5), tagged("a")).ok);
  world.run(1_000);
  // At once: nobody has noticed yet that the first in line are dead.
  for (const node of nodes.slice(0, 3)) world.crash(node);
  tag(world, nodes[3], nodes[5], "a");
  assert.ok(world.until(() => openAt(world, nodes[5], "token") === "hunter22", 60_000) !== undefined);
});

Deno.test("scopes, removals and values given in a storm: all nodes agree, and only the entitled can open", () => {
  for (const seed of [21, 22, 23]) {
    const { world, nodes } = realm(seed, 7);
    world.weather = storm;
    for (let round = 0; round < 12; round++) {
      const via = world.pick(world.alive());
      const some = nodes.filter(() => world.random() < 0.5);
      const node = world.pick(nodes);
      const secret = secretNamed(via.core!.secrets, "token");
      switch (Math.floor(world.random() * 5)) {
        case 0:
          setSecret(world, via, "token", `value ${round}`, some.length > 0 ? some : nodes);
          break;
        case 1:
          if (secret) {
            const scope = world.random() < 0.5 ? openScope : tagged("a");
            const body = { name: "token", version: secret.version, scope };
            world.submit(via, world.command("secret.scope", body));
          }
          break;
        case 2:
          world.submit(via, world.command("secret.remove", { name: "token" }));
          break;
        case 3:
          world.submit(
            via,
            world.command("node.tag", { node: node.id, tags: world.random() < 0.5 ? ["a"] : [] }),
          );
          break;
        default:
          if (world.alive().length > 4) world.crash(via);
          else for (const dead of nodes) if (!dead.core) world.start(dead);
      }
      world.run(2_000);
    }
    world.weather = { ...storm, loss: 0, duplicate: 0 };
    for (const dead of nodes) if (!dead.core) world.start(dead);
    world.run(30_000);
    assert.ok(setSecret(world, nodes[0], "token", "the last", [nodes[0]]).ok);
    world.run(60_000);
    agreed(nodes, "token");
    assert.deepEqual(who(world, nodes, "token"), nodes.map((n) => n.name), `seed ${seed}`);
  }
});

Deno.test("another value is for those who are members now; who was removed is told to know the old one", () => {
  const { world, nodes } = realm(14, 4);
  assert.ok(setSecret(world, nodes[0], "token", "old value", nodes).ok);
  world.run(1_000);
  assert.ok(world.submit(nodes[0], world.command("node.remove", { node: nodes[3].id })).ok);
  world.run(5_000);
  assert.ok(secretNamed(nodes[0].core!.secrets, "token")!.boxes.has(nodes[3].id));
  const refused = setSecret(world, nodes[0], "token", "new value", nodes);
  assert.match(refused.ok ? "" : refused.message, /which is not to have it/);
  assert.ok(setSecret(world, nodes[0], "token", "new value", nodes.slice(0, 3)).ok);
  world.run(5_000);
  assert.deepEqual(who(world, nodes.slice(0, 3), "token"), ["n0", "n1", "n2"]);
  assert.ok(!secretNamed(nodes[0].core!.secrets, "token")!.boxes.has(nodes[3].id));
  world.run(10_000);
  assert.equal(openAt(world, nodes[1], "token"), "new value");
});

Deno.test("a box that opens nothing does not pass for one: the node does not hand it on", () => {
  const { world, nodes } = realm(15, 3);
  const [a, b, c] = nodes;
  const random = (n: number) => world.bytesOf(n);
  // The setter made a mess of b's box.
  const { box } = (() => {
    assert.ok(setSecret(world, a, "other", "something", [b]).ok);
    return { box: secretNamed(a.core!.secrets, "other")!.boxes.get(b.id)![0] };
  })();
  tag(world, a, c, "late");
  world.run(1_000);
  const body = {
    name: "token",
    version: random(16).toHex(),
    scope: openScope,
    sealed: secretNamed(a.core!.secrets, "other")!.sealed,
    boxes: [{ node: b.id, box }],
  };
  assert.ok(world.submit(a, world.command("secret.set", body)).ok);
  world.run(60_000);
  assert.deepEqual(who(world, nodes, "token"), []);
  assert.equal(secretNamed(a.core!.secrets, "token")!.boxes.size, 1);
});

Deno.test("what was said of earlier values ends after a month, of a removed secret after two; the last word stays", () => {
  const DAY = 24 * 3_600_000;
  const { world, nodes } = realm(17, 3);
  const days = (n: number) => {
    for (let i = 0; i < n; i++) {
      world.run(5_000);
      world.now += DAY - 30_000;
      world.run(25_000);
    }
  };
  const about = (node: SimNode) =>
    [...allRecords(node.core!.store)].filter((r) =>
      r.kind === "secret" || (r.kind === "command" && JSON.stringify(r.body).length > 3_000)
    ).length;
  // Long values, so that their commands are told from others.
  const value = "v".repeat(3_000);
  assert.ok(setSecret(world, nodes[0], "token", value, [nodes[0]]).ok);
  world.run(10_000);
  assert.deepEqual(who(world, nodes, "token"), ["n0", "n1", "n2"]);
  const first = about(nodes[1]);
  assert.ok(first >= 2, "a command and boxes");
  assert.ok(setSecret(world, nodes[0], "token", `${value}!`, nodes).ok);
  days(33);
  assert.deepEqual(nodes.map(about), [1, 1, 1]);
  assert.equal(openAt(world, nodes[2], "token"), `${value}!`);
  agreed(nodes, "token");
  assert.ok(world.submit(nodes[0], world.command("secret.remove", { name: "token" })).ok);
  days(33);
  assert.deepEqual(nodes.map(about), [0, 0, 0]);
  assert.equal(nodes[1].core!.secrets.states.size, 1, "that it was removed is remembered");
  days(33);
  assert.equal(nodes[1].core!.secrets.states.size, 0);
});

Deno.test("only an admin sets, scopes and removes secrets", () => {
  const { world, nodes } = realm(16, 1);
  const signer = createSigner(world.bytesOf(32));
  const grant = sealGrant({
    v: 1,
    realm: world.realm,
    key: keyIdOf(signer.publicKey),
    role: "operator",
    from: world.now - 1,
    until: world.now + 3_600_000,
  }, world.owner);
  const reply = world.submit(nodes[0], world.command("secret.remove", { name: "token" }, signer, [grant]));
  assert.ok(!reply.ok && reply.code === "role_too_low");
});

Deno.test("asking which of 1,000 nodes can give a run its secrets takes milliseconds", () => {
  const { world, nodes } = realm(18, 2);
  assert.ok(setSecret(world, nodes[0], "token", "hunter22", nodes).ok);
  const core = nodes[0].core!;
  const secret = secretNamed(core.secrets, "token")!;
  const boxes = Array.from({ length: 1_000 }, () => ({
    node: createMachine(world.bytesOf(32), "x", [], 1).id,
    box: secret.boxes.get(nodes[0].id)![0],
  }));
  applyBoxes(core.secrets, nodes[1].id, { name: "token", version: secret.version, boxes });
  const spec = specOf("a", { secrets: [{ variable: "T", name: "token", as: "env" }] });
  const started = performance.now();
  for (const { node } of boxes) {
    assert.equal(whyNoSecrets(core, node, spec), undefined);
  }
  const took = performance.now() - started;
  console.log(`1,000 nodes: ${took.toFixed(1)} ms`);
  assert.ok(took < 100, `${took} ms`);
});
