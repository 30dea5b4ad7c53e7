import assert from "node:assert/strict";
import {
  canonicalBytes,
  type Envelope,
  type ErrorCode,
  fromBase64Url,
  keyIdOf,
  type Role,
  sealCommand,
  sealGrant,
  toBase64Url,
  utf8,
} from "../protocol/mod.ts";
import { createSigner } from "../platform/crypto.ts";
import { type SimNode, World } from "../../tests/sim/world.ts";
import { storeDigest } from "./mod.ts";

const DAY = 86_400_000;

function realm(): { world: World; node: SimNode } {
  const world = new World(1);
  const node = world.found();
  world.run(100);
  return { world, node };
}

function granted(
  world: World,
  role: Exclude<Role, "owner">,
  from = 0,
  until = DAY,
  issuer = world.owner,
  chain: readonly Envelope[] = [],
) {
  const signer = createSigner(world.bytesOf(32));
  const grant = sealGrant({
    v: 1,
    realm: world.realm,
    key: keyIdOf(signer.publicKey),
    role,
    from: world.now + from,
    until: world.now + until,
  }, issuer);
  return { signer, grants: [...chain, grant] };
}

/** Submits, and checks that a refusal names its rule and changes nothing. */
function refused(
  world: World,
  node: SimNode,
  command: Parameters<World["submit"]>[1],
  code: ErrorCode,
  says: RegExp,
): void {
  const before = storeDigest(node.core!.store);
  const reply = world.submit(node, command);
  assert.equal(reply.ok, false, "it was accepted");
  if (reply.ok) return;
  assert.equal(reply.code, code, reply.message);
  assert.match(reply.message, says);
  assert.equal(storeDigest(node.core!.store), before);
}

Deno.test("a command by the owner, and by an operator with a valid grant, is accepted", () => {
  const { world, node } = realm();
  assert.ok(world.deploy(node, "web").ok);
  const { signer, grants } = granted(world, "operator");
  assert.ok(world.submit(node, world.command("app.scale", { app: "web", replicas: 2 }, signer, grants)).ok);
});

Deno.test("a refused command names the rule that refused it and changes nothing", () => {
  const { world, node } = realm();
  world.deploy(node, "web");
  world.run(10);
  const body = { app: "web", replicas: 3 } as const;
  const good = world.command("app.scale", body);
  const payload = JSON.parse(new TextDecoder().decode(fromBase64Url(good.envelope.payload)));
  const forged = {
    ...good.envelope,
    payload: toBase64Url(canonicalBytes({ ...payload, body: { app: "web", replicas: 99 } })),
  };
  refused(world, node, { ...good, envelope: forged }, "bad_signature", /signature/);
  refused(
    world,
    node,
    { ...good, envelope: { ...good.envelope, payloadType: "application/vnd.realm.grant+json" } },
    "bad_signature",
    /expected/,
  );

  const stranger = createSigner(world.bytesOf(32));
  refused(world, node, world.command("app.scale", body, stranger), "not_authorised", /no grant/);
  const expired = granted(world, "operator", -2 * DAY, -DAY);
  refused(
    world,
    node,
    world.command("app.scale", body, expired.signer, expired.grants),
    "grant_expired",
    /expired/,
  );
  const early = granted(world, "operator", DAY, 2 * DAY);
  refused(
    world,
    node,
    world.command("app.scale", body, early.signer, early.grants),
    "grant_expired",
    /not valid yet/,
  );
  const viewer = granted(world, "viewer");
  refused(
    world,
    node,
    world.command("app.scale", body, viewer.signer, viewer.grants),
    "role_too_low",
    /needs the role operator/,
  );
  const operator = granted(world, "operator");
  refused(
    world,
    node,
    world.command("node.remove", { node: node.id }, operator.signer, operator.grants),
    "role_too_low",
    /needs the role admin/,
  );
  const byOperator = granted(world, "operator", 0, DAY, operator.signer, operator.grants);
  refused(
    world,
    node,
    world.command("app.scale", body, byOperator.signer, byOperator.grants),
    "not_authorised",
    /may not grant/,
  );
  refused(
    world,
    node,
    world.command("app.scale", body, stranger, operator.grants),
    "not_authorised",
    /another key/,
  );

  const other = sealCommand(
    { kind: "app.scale", body, realm: keyIdOf(stranger.publicKey), at: world.now, nonce: world.bytesOf(12) },
    world.owner,
    [],
  );
  refused(world, node, other, "wrong_realm", /is for realm/);
  const old = sealCommand(
    { kind: "app.scale", body, realm: world.realm, at: world.now - 6 * 60_000, nonce: world.bytesOf(12) },
    world.owner,
    [],
  );
  refused(world, node, old, "stale_command", /clock/);
  assert.ok(world.submit(node, good).ok);
  refused(world, node, good, "replayed", /before/);
  refused(
    world,
    node,
    world.command("app.scale", { app: "nope", replicas: 1 }),
    "not_found",
    /realm app list/,
  );
  const odd = sealCommand(
    {
      kind: "app.explode" as never,
      body: {} as never,
      realm: world.realm,
      at: world.now,
      nonce: world.bytesOf(12),
    },
    world.owner,
    [],
  );
  refused(world, node, odd, "bad_request", /upgrade/);
  assert.ok(utf8("x"));
});

Deno.test("a revoked key commands nothing any more, and neither does whom it granted", () => {
  const { world, node } = realm();
  world.deploy(node, "web");
  world.run(10);
  const admin = granted(world, "admin");
  const below = granted(world, "operator", 0, DAY, admin.signer, admin.grants);
  assert.ok(
    world.submit(node, world.command("app.scale", { app: "web", replicas: 2 }, below.signer, below.grants))
      .ok,
  );
  world.run(1_000);
  assert.ok(world.submit(node, world.command("key.revoke", { key: keyIdOf(admin.signer.publicKey) })).ok);
  world.run(1_000);
  for (const who of [admin, below]) {
    refused(
      world,
      node,
      world.command("app.scale", { app: "web", replicas: 3 }, who.signer, who.grants),
      "grant_revoked",
      /revoked/,
    );
  }
  assert.equal(
    node.core!.apps.get("web")!.desired!.replicas,
    2,
    "what was commanded before the revocation stands",
  );
});

Deno.test("an invite admits as many machines as it says, until it ends, unless it is revoked", () => {
  const { world, node } = realm();
  const invite = world.invite(2, 60_000);
  assert.ok(world.join(world.machine("a"), node, invite).ok);
  assert.ok(world.join(world.machine("b"), node, invite).ok);
  const third = world.join(world.machine("c"), node, invite);
  assert.equal(third.ok ? "" : third.code, "invite_used_up");
  const short = world.invite(5, 1_000);
  world.run(2_000);
  const late = world.join(world.machine("d"), node, short);
  assert.equal(late.ok ? "" : late.code, "invite_expired");
  const other = new World(2);
  const foreign = world.join(world.machine("e"), node, other.invite(1));
  assert.equal(foreign.ok ? "" : foreign.code, "wrong_realm");
  assert.equal(node.core!.members.admitted.size, 3);
});
