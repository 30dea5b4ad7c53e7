/** What a malicious member can send: it holds a member's key, and no key that the owner trusts. */
import assert from "node:assert/strict";
import {
  type Envelope,
  envelopeId,
  type Head,
  keyIdOf,
  type RealmRecord,
  type Role,
  sealCommand,
  sealGrant,
  sealRecord,
  type SignedCommand,
} from "../protocol/mod.ts";
import { createSigner } from "../platform/crypto.ts";
import { type SimNode, World } from "../../tests/sim/world.ts";
import { headsOf, incarnationOf, lastSeq, nodeState, rebuild, step, storeDigest } from "./mod.ts";

const DAY = 86_400_000;

/** A realm of one good and one evil node that agree on everything. */
function realm(): { world: World; good: SimNode; evil: SimNode } {
  const world = new World(7);
  const good = world.found("good");
  world.run(100);
  const evil = world.machine("evil");
  assert.ok(world.join(evil, good, world.invite(1)).ok);
  world.until(() => storeDigest(good.core!.store) === storeDigest(evil.core!.store), 20_000);
  return { world, good, evil };
}

/** A record by `node`, right in everything but what is asked for. */
function recordBy(world: World, node: SimNode, key: string, body: unknown, at = world.now): RealmRecord {
  const prev = lastSeq(node.core!.store, node.id);
  const seq = Math.max(prev + 1, at * 1_000);
  return sealRecord({ author: node.id, seq, prev: Math.min(prev, seq - 1), key, at, body }, node.signer);
}

/** Sends records as a message; returns the codes of the refusals that the receiver audited. */
function send(world: World, to: SimNode, from: SimNode, records: readonly RealmRecord[]) {
  to.core!.refusals.clear();
  const message = { t: "records" as const, records: records.map((r) => r.wire) };
  const effects = step(to.core!, { t: "message", from: from.id, message }, world.now);
  return {
    codes: effects.flatMap((e) => e.t === "audit" && e.entry.result === "refused" ? [e.entry.code] : []),
    accused: effects.some((e) => e.t === "misbehaved"),
  };
}

function granted(world: World, role: Exclude<Role, "owner">, from = 0, until = DAY) {
  const signer = createSigner(world.bytesOf(32));
  const key = keyIdOf(signer.publicKey);
  const times = { from: world.now + from, until: world.now + until };
  const grant = sealGrant({ v: 1, realm: world.realm, key, role, ...times }, world.owner);
  return { signer, grants: [grant] as Envelope[], key };
}

Deno.test("a command that nobody entitled signed is not even stored, whoever hands it on; its rule is audited", () => {
  const { world, good, evil } = realm();
  world.deploy(good, "web");
  world.run(1_000);
  const body = { app: "web", replicas: 9 } as const;
  const right = world.command("app.scale", body);
  const stranger = createSigner(world.bytesOf(32));
  const seal = (signer = world.owner, grants: readonly Envelope[] = [], more: object = {}) =>
    sealCommand(
      {
        kind: "app.scale",
        body,
        realm: world.realm,
        at: world.now,
        nonce: world.bytesOf(12),
        ...more,
      },
      signer,
      grants,
    );
  const by = (who: { signer: typeof stranger; grants: readonly Envelope[] }) => seal(who.signer, who.grants);
  const cases: readonly (readonly [string, SignedCommand, string])[] = [
    [
      "a signature of another command",
      {
        ...right,
        envelope: {
          ...right.envelope,
          payload: seal(world.owner, [], { body: { app: "web", replicas: 99 } }).envelope.payload,
        },
      },
      "bad_signature",
    ],
    ["a key without a grant", seal(stranger), "not_authorised"],
    ["a grant that ended", by(granted(world, "operator", -2 * DAY, -DAY)), "grant_expired"],
    ["a grant to come", by(granted(world, "operator", DAY, 2 * DAY)), "grant_expired"],
    ["a viewer", by(granted(world, "viewer")), "role_too_low"],
    ["another realm", seal(world.owner, [], { realm: keyIdOf(stranger.publicKey) }), "wrong_realm"],
    ["an old command", seal(world.owner, [], { at: world.now - 6 * 60_000 }), "stale_command"],
    ["a command to come", seal(world.owner, [], { at: world.now + 6 * 60_000 }), "stale_command"],
  ];
  for (const [what, command, code] of cases) {
    const before = storeDigest(good.core!.store);
    const key = `command/${envelopeId(command.envelope)}`;
    const { codes, accused } = send(world, good, evil, [recordBy(world, evil, key, command)]);
    assert.deepEqual(codes, [code], what);
    assert.ok(accused, `${what}: an honest member would not hand this on`);
    assert.equal(storeDigest(good.core!.store), before, `${what}: it was stored`);
  }
  assert.equal(good.core!.apps.get("web")!.desired!.replicas, 1);
  assert.deepEqual(
    send(world, good, evil, [recordBy(world, evil, `command/${"0".repeat(64)}`, right)]).codes,
    ["bad_request"],
    "under another id",
  );
});

Deno.test("a record in another's name, from the future, or by a membership nobody granted changes nothing", () => {
  const { world, good, evil } = realm();
  const before = storeDigest(good.core!.store);
  const { author, seq, prev, key, at, body } = recordBy(world, good, "audit", {
    count: 1,
    head: "0".repeat(64),
  });
  const forged = sealRecord({ author, seq, prev, key, at, body }, evil.signer);
  assert.deepEqual(send(world, good, evil, [forged]), { codes: ["bad_signature"], accused: true });
  const future = recordBy(world, evil, "audit", { count: 1, head: "0".repeat(64) }, world.now + 6 * 60_000);
  assert.deepEqual(send(world, good, evil, [future]), { codes: ["stale_command"], accused: false });
  const friend = world.machine("friend");
  const invite = world.invite(1);
  const forgedInvite = {
    ...invite,
    envelope: { ...invite.envelope, sig: invite.envelope.sig.replace(/^.{8}/, "AAAAAAAA") },
  };
  const admission = world.admission(friend, forgedInvite);
  const member = recordBy(world, evil, `member/${friend.id}`, admission);
  assert.deepEqual(send(world, good, evil, [member]), { codes: ["invite_invalid"], accused: true });
  assert.equal(storeDigest(good.core!.store), before);
});

Deno.test("a member cannot take back a command that it accepted, nor rewrite it", () => {
  const { world, good, evil } = realm();
  const reply = world.deploy(evil, "web");
  assert.ok(reply.ok);
  world.until(() => good.core!.apps.get("web")?.desired !== undefined, 10_000);
  const key = `command/${reply.value.id}`;
  const taken = send(world, good, evil, [recordBy(world, evil, key, null)]);
  assert.deepEqual(taken, { codes: ["not_authorised"], accused: true });
  // The same command once more: valid, and of no effect on which record stands.
  const stands = () => good.core!.store.authors.get(evil.id)!.live.get(key)!.seq;
  const first = stands();
  const command = good.core!.commands.get(reply.value.id)!.signed;
  send(world, good, evil, [recordBy(world, evil, key, command)]);
  assert.equal(stands(), first);
  rebuild(good.core!);
  assert.ok(good.core!.apps.get("web")?.desired, "it is gone once everything is derived anew");
});

Deno.test("a peer's word about another's log neither hides what that one says later nor uses up its numbers", () => {
  const { world, good, evil } = realm();
  const far = Number.MAX_SAFE_INTEGER;
  const upTo: Record<string, Head> = { [good.id]: [far, "0".repeat(16)], [evil.id]: [far, "0".repeat(16)] };
  for (const node of [good, evil]) {
    step(
      node.core!,
      { t: "message", from: evil.id, message: { t: "have", records: [], upTo, more: false } },
      world.now,
    );
  }
  assert.ok(headsOf(evil.core!.store)[good.id][0] < far);
  assert.ok(world.deploy(good, "web").ok);
  assert.ok(lastSeq(good.core!.store, good.id) < far / 2, "its next number is near the end of all numbers");
  const told = world.until(() => evil.core!.apps.get("web")?.desired !== undefined, 10_000);
  assert.notEqual(told, undefined, "the other never heard of it");
});

Deno.test("a verdict about a life that a node never announced is no verdict, and uses up no incarnations", () => {
  const { world, good, evil } = realm();
  const far = Number.MAX_SAFE_INTEGER;
  const body = { state: "unreachable", incarnation: far };
  const record = recordBy(world, evil, `liveness/${good.id}`, body);
  send(world, good, evil, [record]);
  send(world, evil, evil, [record]);
  assert.equal(nodeState(evil.core!, good.id), "alive");
  step(good.core!, {
    t: "message",
    from: evil.id,
    message: { t: "suspect", target: good.id, incarnation: far },
  }, world.now);
  world.run(2_000);
  assert.ok(incarnationOf(good.core!, good.id) < 1_000);
});

Deno.test("which revocations hold does not depend on which came first", () => {
  const make = (order: "as signed" | "reversed") => {
    const { world, good, evil } = realm();
    const admin = granted(world, "admin");
    const friend = createSigner(world.bytesOf(32));
    const below = sealGrant({
      v: 1,
      realm: world.realm,
      key: keyIdOf(friend.publicKey),
      role: "admin",
      from: world.now,
      until: world.now + DAY,
    }, admin.signer);
    const victim = granted(world, "operator");
    const first = world.command("key.revoke", { key: admin.key });
    world.run(10);
    // By a key that hangs on the one revoked before.
    const second = world.command("key.revoke", { key: victim.key }, friend, [...admin.grants, below]);
    const records = [first, second].map((c) => recordBy(world, evil, `command/${envelopeId(c.envelope)}`, c));
    for (const r of order === "as signed" ? records : records.reverse()) send(world, good, evil, [r]);
    return [...good.core!.authority.revoked.keys()].map((k) => k === admin.key ? "admin" : "victim");
  };
  assert.deepEqual(make("as signed"), ["admin"]);
  assert.deepEqual(make("reversed"), ["admin"]);
});

Deno.test("strangers' records are kept in bounded memory and do not keep out those of members to come", () => {
  const { world, good, evil } = realm();
  for (let i = 0; i < 40; i++) {
    const author = world.machine(`s${i}`);
    const records = Array.from({ length: 50 }, (_, n) =>
      sealRecord(
        {
          author: author.id,
          seq: n + 1,
          prev: n,
          key: `x/${n}`,
          at: world.now,
          body: { pad: "x".repeat(4_000) },
        },
        author.signer,
      ));
    send(world, good, evil, records);
  }
  const bytes = good.core!.orphans.reduce((n, r) => n + r.wire.p.length, 0);
  assert.ok(good.core!.orphans.length > 0 && bytes <= 2 * 1024 * 1024, `${bytes}`);
  assert.match(good.core!.orphans.at(-1)!.key, /x\/49/);
});

Deno.test("an invite whose payload is no text of bytes at all is refused, from a stranger and from a member", () => {
  const { world, good, evil } = realm();
  const stranger = world.machine("stranger");
  const invite = world.invite(1);
  const admission = world.admission(stranger, invite);
  const garbage = { ...admission, invite: { ...invite, envelope: { ...invite.envelope, payload: "!" } } };
  const effects = step(good.core!, { t: "join", ref: 1, admission: garbage }, world.now);
  const reply = effects.find((e) => e.t === "reply");
  assert.ok(reply?.t === "reply" && !reply.reply.ok && reply.reply.code === "invite_invalid");
  const record = recordBy(world, evil, `member/${stranger.id}`, garbage);
  assert.deepEqual(send(world, good, evil, [record]).codes, ["invite_invalid"]);
});
