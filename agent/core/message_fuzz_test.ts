/** Messages as a member may send them: half damaged, half right, all odd. The core must outlive every one of them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { fuzz, processorMs } from "../../tests/fuzz.ts";
import { type SimNode, World } from "../../tests/sim/world.ts";
import {
  AdmissionSchema,
  canonicalJson,
  decodeJson,
  decodeMessage,
  encodeMessage,
  envelopeId,
  errorTable,
  formatKeyFile,
  inviteToken,
  limits,
  type Message,
  nodeIdOf,
  parseInviteToken,
  parseKeyFile,
  payloadTypes,
  preAuthEncoding,
  type Result,
  sealRecord,
  toBase64Url,
  utf8,
} from "../protocol/mod.ts";
import { createSigner } from "../platform/mod.ts";
import { headsOf, lastSeq, step, storeDigest } from "./mod.ts";

function realm(): { world: World; good: SimNode; evil: SimNode } {
  const world = new World(11);
  const good = world.found("good");
  world.run(100);
  const evil = world.machine("evil");
  assert.ok(world.join(evil, good, world.invite(1)).ok);
  world.deploy(good, "web");
  world.run(3_000);
  return { world, good, evil };
}

/** One message of each form, right in all parts. */
function samples({ world, good, evil }: ReturnType<typeof realm>): readonly Message[] {
  const digest = storeDigest(good.core!.store);
  const heads = headsOf(good.core!.store);
  const records = [...good.disk.values()].map((r) => r.wire);
  const revision = "0".repeat(64);
  return [
    { t: "probe", n: 1, digest, incarnation: 1 },
    { t: "ack", n: 1, digest, incarnation: 1 },
    { t: "ask", n: 1, target: good.id },
    { t: "answer", n: 1, target: evil.id, incarnation: 1 },
    { t: "heads", heads, reply: false },
    { t: "have", records, upTo: heads, more: false },
    { t: "offer", id: "o", app: "web", revision, epoch: 1, memory_mb: 1 },
    { t: "offered", id: "o", app: "web", accepted: true },
    {
      t: "records",
      records: [world.command("app.scale", { app: "web", replicas: 1 })].map((c) => {
        const key = `command/${envelopeId(c.envelope)}`;
        return sealRecord({ author: evil.id, seq: 9e15, prev: 1, key, at: world.now, body: c }, evil.signer)
          .wire;
      }),
    },
    { t: "suspect", target: good.id, incarnation: 1 },
  ];
}

/** Bytes with some of them changed, cut out, doubled or cut off. */
const damaged = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc.array(
    fc.record({
      at: fc.nat(Math.max(0, bytes.length - 1)),
      how: fc.constantFrom("flip", "cut", "double", "end"),
      value: fc.nat(255),
    }),
    { minLength: 1, maxLength: 4 },
  ).map((changes) => {
    let out = [...bytes];
    for (const { at, how, value } of changes) {
      if (how === "flip") out[at % Math.max(1, out.length)] = value;
      else if (how === "cut") out.splice(at, value);
      else if (how === "double") out.splice(at, 0, ...out.slice(at, at + value));
      else out = out.slice(0, at);
    }
    return Uint8Array.from(out);
  });

/** JSON whose texts, one or two of them, are others. */
function changedTexts(value: unknown): fc.Arbitrary<Uint8Array> {
  const paths: string[][] = [];
  const walk = (v: unknown, path: string[]) => {
    if (typeof v === "string") paths.push(path);
    else if (v && typeof v === "object") { for (const [k, x] of Object.entries(v)) walk(x, [...path, k]); }
  };
  walk(value, []);
  const text = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.base64String(),
    fc.constantFrom("", "!", "AA", "e30"),
  );
  const changes = fc.array(fc.tuple(fc.constantFrom(...paths), text), { minLength: 1, maxLength: 2 });
  return changes.map((list) => {
    const copy = structuredClone(value) as Record<string, unknown>;
    for (const [path, put] of list) {
      const holder = path.slice(0, -1).reduce((o, k) => o[k] as Record<string, unknown>, copy);
      holder[path.at(-1)!] = put;
    }
    return utf8(JSON.stringify(copy));
  });
}

function answered(result: Result<unknown>): void {
  if (!result.ok) assert.ok(Object.hasOwn(errorTable, result.code) && result.message.length > 0);
}

Deno.test("fuzz: damaged messages are refused or outlived", async () => {
  const bed = realm();
  const all = samples(bed).map(encodeMessage);
  const { world, good, evil } = bed;
  await fuzz(fc.oneof(fc.uint8Array({ maxLength: 300 }), ...all.map(damaged)), (bytes) => {
    const message = decodeMessage(bytes);
    answered(message);
    if (message.ok) step(good.core!, { t: "message", from: evil.id, message: message.value }, world.now++);
  });
});

Deno.test("fuzz: messages of the right form with any content are outlived, and nothing is commanded by them", async () => {
  const bed = realm();
  const { world, good, evil } = bed;
  const node = fc.constantFrom(
    good.id,
    evil.id,
    nodeIdOf(createSigner(new Uint8Array(32).fill(5)).publicKey),
  );
  const count = fc.oneof(fc.nat(10), fc.constantFrom(0, 2 ** 31, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
  const hex = fc.constantFrom("0".repeat(16), "f".repeat(16), storeDigest(good.core!.store));
  const digest = fc.constantFrom("0".repeat(64), [...good.core!.commands.keys()][0]);
  const name = fc.constantFrom("web", "other", "constructor", "x");
  const heads = fc.dictionary(node, fc.tuple(count, hex), { maxKeys: 3 });
  const time = fc.oneof(
    fc.constant(world.now),
    fc.integer({ min: 0, max: 8.64e15 }),
    fc.constant(world.now - 1e9),
  );
  const replica = fc.record({
    id: fc.constantFrom("r-1", "__proto__", ""),
    slot: count,
    node,
    revision: digest,
    at: time,
  });
  const status = fc.record({
    app: name,
    replica: fc.constantFrom("r-1", "__proto__"),
    revision: digest,
    epoch: count,
    state: fc.constantFrom("healthy", "failed", "fetching"),
    restarts: count,
    since: time,
  });
  const keyed = fc.oneof(
    fc.record({
      key: node.map((n) => `liveness/${n}`),
      body: fc.record({ state: fc.constantFrom("unreachable", "left"), incarnation: count }),
    }),
    fc.record({
      key: name.map((n) => `replicas/${n}`),
      body: fc.record({ app: name, list: fc.array(status, { maxLength: 3 }) }),
    }),
    fc.record({
      key: name.map((n) => `decision/${n}`),
      body: fc.record({
        app: name,
        epoch: count,
        step: count,
        phase: fc.constantFrom("rolling", "steady", "rolled_back", "failed", "removed"),
        revision: digest,
        replicas: fc.array(replica, { maxLength: 3 }),
        volumes: fc.array(fc.record({ slot: count, node }), { maxLength: 2 }),
        rejected: fc.array(fc.record({ revision: digest, reason: fc.string(), at: time }), { maxLength: 2 }),
        since: time,
      }),
    }),
    fc.record({
      key: fc.constantFrom("command/x", "member/x", "node", "later/kind", "__proto__"),
      body: fc.constant(null),
    }),
    fc.record({
      key: fc.constantFrom("later/kind", "toString"),
      body: fc.dictionary(fc.string(), fc.jsonValue()),
    }),
  );
  const record = fc.tuple(keyed, count, count, time).map(([{ key, body }, a, b, at]) => {
    const p = canonicalJson({
      author: evil.id,
      seq: Math.max(a, b) + 1,
      prev: Math.min(a, b),
      key,
      at,
      body,
    });
    return { p, s: toBase64Url(evil.signer.sign(preAuthEncoding(payloadTypes.record, utf8(p)))) };
  });
  const records = fc.array(record, { maxLength: 4 });
  const message: fc.Arbitrary<unknown> = fc.oneof(
    fc.record({ t: fc.constantFrom("probe", "ack"), n: count, digest: hex, incarnation: count }),
    fc.record({ t: fc.constant("ask"), n: count, target: node }),
    fc.record({ t: fc.constant("answer"), n: count, target: node, incarnation: count }),
    fc.record({ t: fc.constant("suspect"), target: node, incarnation: count }),
    fc.record({ t: fc.constant("heads"), heads, reply: fc.boolean() }),
    fc.record({ t: fc.constant("have"), records, upTo: heads, more: fc.boolean() }),
    fc.record({ t: fc.constant("records"), records }),
    fc.record({
      t: fc.constant("offer"),
      id: fc.string({ maxLength: 9 }),
      app: name,
      revision: digest,
      epoch: count,
      memory_mb: count,
    }),
    fc.record({
      t: fc.constant("offered"),
      id: fc.string({ maxLength: 9 }),
      app: name,
      accepted: fc.boolean(),
    }),
  );
  let tried = 0, taken = 0;
  const wished = JSON.stringify(good.core!.apps.get("web")!.desired);
  await fuzz(fc.tuple(message, fc.nat(700)), ([value, pause]) => {
    const decoded = decodeMessage(utf8(JSON.stringify(value)));
    tried++;
    if (!decoded.ok) return;
    taken++;
    world.now += pause;
    step(good.core!, { t: "message", from: evil.id, message: decoded.value }, world.now);
    step(good.core!, { t: "tick" }, world.now);
    assert.equal(JSON.stringify(good.core!.apps.get("web")!.desired), wished);
    assert.equal(good.core!.commands.size, 1);
    assert.ok(lastSeq(good.core!.store, good.id) < 9e15, "its numbers are used up");
  }, 0.3);
  assert.ok(taken > 0.9 * tried, `only ${taken} of ${tried} were messages at all`);
});

Deno.test("fuzz: damaged wishes to join, by strangers, are answered", async () => {
  const { world, good } = realm();
  const valid = world.admission(world.machine("stranger"), world.invite(1));
  let ref = 1_000_000;
  await fuzz(fc.oneof(damaged(utf8(JSON.stringify(valid))), changedTexts(valid)), (bytes) => {
    const admission = decodeJson(bytes, AdmissionSchema, "the join request");
    answered(admission);
    if (!admission.ok) return;
    const effects = step(good.core!, { t: "join", ref: ++ref, admission: admission.value }, world.now);
    const reply = effects.find((e) => e.t === "reply");
    assert.ok(reply?.t === "reply");
    answered(reply.reply);
  });
});

Deno.test("fuzz: damaged tokens and key files are refused in words, never thrown at", async () => {
  const world = new World(3);
  const token = utf8(inviteToken(world.invite(1)));
  const id = nodeIdOf(world.owner.publicKey);
  const plain = utf8(formatKeyFile({ kind: "node", id, secret: { seed: world.bytesOf(32) } }));
  const sealed = { logN: 15, salt: world.bytesOf(16), iv: world.bytesOf(12), box: world.bytesOf(48) };
  const closed = utf8(formatKeyFile({ kind: "node", id, secret: { sealed } }));
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  await fuzz(fc.oneof(damaged(token), damaged(plain), damaged(closed)), (bytes) => {
    const key = parseKeyFile(text(bytes));
    answered(key);
    answered(parseInviteToken(text(bytes)));
  });
});

Deno.test("the largest message of any content takes at most 250 ms of processor time to judge", () => {
  const keys = Array.from({ length: 60_000 }, (_, i) => `12D3KooW${String(i).padStart(44, "A")}`);
  const ids = Array.from({ length: limits.members }, (_, i) => {
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(0, i);
    return nodeIdOf(key);
  });
  const texts = [
    JSON.stringify({
      t: "heads",
      reply: false,
      heads: Object.fromEntries(ids.map((k) => [k, [1, "0".repeat(16)]])),
    }),
    JSON.stringify({
      t: "heads",
      reply: false,
      heads: Object.fromEntries(keys.map((k) => [k, [1, "0".repeat(16)]])),
    }),
    `{"t":"heads","reply":false,"heads":${"[".repeat(2_000_000)}${"]".repeat(2_000_000)}}`,
    `{"t":"records","records":[${'{"p":"","s":""},'.repeat(200_000)}{"p":"","s":""}]}`,
  ];
  for (const given of texts) {
    const bytes = utf8(given).subarray(0, limits.messageBytes);
    decodeMessage(utf8("{}"));
    let answer = "";
    const ms = processorMs(() => {
      const decoded = decodeMessage(bytes);
      answer = decoded.ok ? "ok" : decoded.message;
    });
    console.log(
      `${given.slice(0, 40)}… (${bytes.length} bytes): ${answer} in ${ms.toFixed(0)} ms`,
    );
    assert.ok(ms < 250, `${ms} ms`);
  }
});
