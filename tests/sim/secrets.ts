/** Secrets in the simulation: sealed for real, so that a checker can open what a node holds. */
import { type Effect, secretNamed } from "../../agent/core/mod.ts";
import { openScope, type SecretBox, type SecretScope, utf8 } from "../../agent/protocol/mod.ts";
import { decryptValue, encryptValue, sealKey } from "../../agent/protocol/secret_box.ts";
import type { SimNode } from "./machine.ts";
import type { World } from "./world.ts";

/** Sets a secret by way of a node, sealed to these. */
export function setSecret(
  world: World,
  via: SimNode,
  name: string,
  value: string,
  to: readonly SimNode[],
  scope: SecretScope = openScope,
) {
  const random = (n: number) => world.bytesOf(n);
  const place = { realm: world.realm, name, version: random(16).toHex() };
  const key = random(32);
  const boxes = to.map(({ id }) => sealKey(key, id, place, random));
  const sealed = encryptValue(utf8(value), place, key, random);
  return world.submit(
    via,
    world.command("secret.set", { name, version: place.version, scope, sealed, boxes }),
  );
}

/** What a node can open of a secret, by what it holds. */
export function openAt(world: World, node: SimNode, name: string): string | undefined {
  const secret = node.core && secretNamed(node.core.secrets, name);
  if (!secret) return undefined;
  const place = { realm: world.realm, name, version: secret.version };
  for (const box of secret.boxes.get(node.id) ?? []) {
    const key = node.opener.open(box, place);
    const value = key && decryptValue(secret.sealed, place, key);
    if (value?.ok) return new TextDecoder().decode(value.value);
  }
  return undefined;
}

/** Makes boxes as an agent does. */
export function sealFor(
  world: World,
  node: SimNode,
  { name, version, nodes }: Extract<Effect, { t: "seal" }>,
): readonly SecretBox[] {
  const secret = node.core && secretNamed(node.core.secrets, name);
  if (secret?.version !== version) return [];
  const place = { realm: world.realm, name, version };
  for (const box of secret.boxes.get(node.id) ?? []) {
    const key = node.opener.open(box, place);
    if (key) return nodes.map((id) => sealKey(key, id, place, (n) => world.bytesOf(n)));
  }
  return [];
}
