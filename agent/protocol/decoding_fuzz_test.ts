import assert from "node:assert/strict";
import fc from "fast-check";
import { fuzz } from "../../tests/fuzz.ts";
import { owner, realm, self, testSigner } from "../../tests/test_keys.ts";
import { createVerifier } from "../platform/mod.ts";
import {
  type Envelope,
  EnvelopeSchema,
  errorTable,
  keyIdOf,
  openAdmission,
  openCommand,
  openRecord,
  openSession,
  parseGrantFile,
  parseInviteToken,
  parseKeyFile,
  parseRealmFile,
  payloadTypes,
  preAuthEncoding,
  type Result,
  roleOf,
  seal,
  sealCommand,
  sealGrant,
  sealInvite,
  sealJoin,
  sealRecord,
  sealSession,
  toBase64Url,
  utf8,
} from "./mod.ts";
import * as v from "valibot";

const verifier = createVerifier();
const node = testSigner(2), operator = testSigner(9);
const at = Date.UTC(2026, 0, 1), until = at + 60_000;
const never = () => undefined;

const grant = sealGrant({
  v: 1,
  realm,
  key: keyIdOf(operator.publicKey),
  role: "operator",
  from: at,
  until,
}, owner);
const command = sealCommand(
  { kind: "app.scale", body: { app: "a", replicas: 2 }, realm, at, nonce: new Uint8Array(16) },
  operator,
  [grant],
);
const wish = { realm, node: self, address: "http://127.0.0.1:7481", challenge: "c".repeat(32) };
const session = sealSession(wish, operator, [grant]);
const judge = {
  realm,
  self,
  now: at,
  verifier,
  revokedAt: never,
  challengeUntil: () => at + 1_000,
  isOwnAddress: () => true,
};
const invite = sealInvite(
  {
    v: 1,
    realm,
    bootstrap: [],
    tags: [],
    uses: 1,
    from: at,
    until,
    nonce: "12345678",
  },
  owner,
  [],
);
const admission = {
  invite,
  request: sealJoin({ v: 1, realm, node: self, invite: "0".repeat(64), at, name: "n" }, node),
};
const record = sealRecord({
  author: self,
  seq: 2,
  prev: 1,
  key: `command/${"0".repeat(64)}`,
  at,
  body: command,
}, node);

/** Values that stand where others are expected. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(
    null,
    true,
    "",
    "__proto__",
    -1,
    0.5,
    2 ** 53,
    1e400,
    [],
    {},
    realm,
    self,
    "\u0000",
    "\ud800",
  ),
  fc.string({ maxLength: 30 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** `value` with some of its parts replaced, removed or joined by others. */
function changed(value: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(value)) {
    return fc.oneof(
      { weight: 4, arbitrary: fc.tuple(...value.map(changed)) },
      { weight: 1, arbitrary: fc.array(odd, { maxLength: 6 }) },
    );
  }
  if (value !== null && typeof value === "object") {
    const parts = Object.fromEntries(Object.entries(value).map(([k, x]) => [k, changed(x)]));
    return fc.oneof(
      { weight: 8, arbitrary: fc.record(parts) },
      { weight: 1, arbitrary: fc.record(parts, { requiredKeys: [] }) },
      { weight: 1, arbitrary: fc.record({ ...parts, more: odd }) },
      { weight: 1, arbitrary: odd },
    );
  }
  return fc.oneof({ weight: 9, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: odd });
}

/** Nothing but a value or a refusal that the error table knows. */
function answered(result: Result<unknown>): void {
  if (!result.ok) assert.ok(Object.hasOwn(errorTable, result.code) && result.message.length > 0);
}
/** What reaches the protocol has passed its schema; anything else is refused there. */
function ifEnvelope(value: unknown, use: (envelope: Envelope) => void): void {
  const parsed = v.safeParse(EnvelopeSchema, value);
  if (parsed.success) use(parsed.output);
}

Deno.test("fuzz: changed envelopes of commands, sessions, grants and invites are answered, never thrown at", async () => {
  await fuzz(changed(command.envelope), (value) => {
    ifEnvelope(value, (envelope) => {
      answered(openCommand({ envelope, grants: [grant] }, realm, verifier, never));
      answered(openSession({ envelope, grants: [grant] }, judge));
      answered(roleOf(keyIdOf(operator.publicKey), [envelope], at, realm, verifier, never));
      answered(openAdmission({ ...admission, request: envelope }, realm, verifier, never));
    });
  });
});

const decode = (envelope: Envelope): unknown =>
  JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(envelope.payload, { alphabet: "base64url" })));
const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value) ?? "");

for (
  const [what, type, valid] of [
    ["command", payloadTypes.command, command.envelope],
    ["session", payloadTypes.session, session.envelope],
    ["grant", payloadTypes.grant, grant],
    ["invite", payloadTypes.invite, invite.envelope],
    ["join request", payloadTypes.join, admission.request],
  ] as const
) {
  Deno.test(`fuzz: a changed ${what}, rightly signed by the owner, is answered, never thrown at`, async () => {
    await fuzz(changed(decode(valid)), (value) => {
      const envelope = seal(type, bytesOf(value), owner);
      answered(openCommand({ envelope, grants: [] }, realm, verifier, never));
      answered(openSession({ envelope, grants: [] }, judge));
      answered(roleOf(keyIdOf(operator.publicKey), [envelope], at, realm, verifier, never));
      answered(
        openAdmission({ invite: { envelope, grants: [] }, request: envelope }, realm, verifier, never),
      );
    }, 0.5);
  });
}

Deno.test("fuzz: changed records, signed and not, are answered, never thrown at", async () => {
  const header = JSON.parse(record.wire.p);
  await fuzz(fc.tuple(changed(header), fc.string({ maxLength: 90 })), ([value, s]) => {
    const p = JSON.stringify(value) ?? "";
    answered(openRecord({ p, s }, verifier));
    answered(openRecord({ p, s: record.wire.s }, verifier));
    const signed = toBase64Url(node.sign(preAuthEncoding(payloadTypes.record, utf8(p))));
    answered(openRecord({ p, s: signed }, verifier));
  });
});

Deno.test("fuzz: tokens and files that people copy are answered, never thrown at", async () => {
  const prefixes = ["", "realm-invite-1.", "realm-key-1\n", "realm-key-1\nkind owner\nid ", "{"];
  const text = fc.tuple(
    fc.constantFrom(...prefixes),
    fc.oneof(fc.string({ maxLength: 300 }), fc.base64String({ maxLength: 400 }), fc.json()),
  ).map((parts) => parts.join(""));
  await fuzz(text, (given) => {
    answered(parseInviteToken(given));
    answered(parseKeyFile(given));
    answered(parseRealmFile(given));
    answered(parseGrantFile(given));
  });
});
