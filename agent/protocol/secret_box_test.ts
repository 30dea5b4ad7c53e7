import assert from "node:assert/strict";
import { createSigner } from "../platform/crypto.ts";
import { fromBase64Url, toBase64Url, utf8 } from "./encoding.ts";
import { keyIdOf, nodeIdOf } from "./identity.ts";
import { secretLimits } from "./secret.ts";
import { createOpener, decryptValue, encryptValue, sealKey, type SecretPlace } from "./secret_box.ts";

const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
const node = () => {
  const seed = random(32);
  return { seed, id: nodeIdOf(createSigner(seed).publicKey) };
};
const place: SecretPlace = {
  realm: keyIdOf(createSigner(random(32)).publicKey),
  name: "token",
  version: "00",
};

Deno.test("a value is opened by the node that it was sealed to, and by no other", () => {
  const [a, b] = [node(), node()];
  const key = random(32);
  const sealed = encryptValue(utf8("hunter22"), place, key, random);
  const { box } = sealKey(key, a.id, place, random);
  const found = createOpener(a.seed).open(box, place);
  assert.ok(found);
  const opened = decryptValue(sealed, place, found);
  assert.deepEqual(opened.ok && new TextDecoder().decode(opened.value), "hunter22");
  assert.equal(createOpener(b.seed).open(box, place), undefined);
});

Deno.test("a box and a value are good for one realm, name and version only", () => {
  const a = node();
  const key = random(32);
  const sealed = encryptValue(utf8("hunter22"), place, key, random);
  const { box } = sealKey(key, a.id, place, random);
  const opener = createOpener(a.seed);
  for (
    const other of [{ name: "tokem" }, { version: "01" }, {
      realm: keyIdOf(createSigner(random(32)).publicKey),
    }]
  ) {
    assert.equal(opener.open(box, { ...place, ...other }), undefined);
    assert.equal(decryptValue(sealed, { ...place, ...other }, key).ok, false);
  }
});

Deno.test("a changed bit anywhere is noticed", () => {
  const a = node();
  const key = random(32);
  const sealed = fromBase64Url(encryptValue(utf8("hunter22"), place, key, random));
  const box = fromBase64Url(sealKey(key, a.id, place, random).box);
  const opener = createOpener(a.seed);
  for (const at of sealed.keys()) {
    const changed = sealed.slice();
    changed[at] ^= 1;
    assert.equal(decryptValue(toBase64Url(changed), place, key).ok, false, `byte ${at} of the value`);
  }
  for (const at of box.keys()) {
    const changed = box.slice();
    changed[at] ^= 1;
    assert.equal(opener.open(toBase64Url(changed), place), undefined, `byte ${at} of the box`);
  }
});

Deno.test("values of every length up to the bound come back, and lengths are told in steps only", () => {
  const key = random(32);
  const lengths = new Map<number, Set<number>>();
  for (const n of [0, 1, 59, 60, 61, 124, 125, 1_000, secretLimits.valueBytes]) {
    const value = random(n);
    const sealed = encryptValue(value, place, key, random);
    const opened = decryptValue(sealed, place, key);
    assert.deepEqual(opened.ok && opened.value, value);
    const seen = lengths.get(sealed.length) ?? new Set();
    lengths.set(sealed.length, seen.add(n));
  }
  assert.deepEqual([...lengths.values()][0], new Set([0, 1, 59, 60]));
});

Deno.test("what is no box or no value is refused, not thrown", () => {
  const opener = createOpener(random(32));
  for (const text of ["", "AA", "****", "A".repeat(107), toBase64Url(new Uint8Array(80))]) {
    assert.equal(opener.open(text, place), undefined);
    assert.equal(decryptValue(text, place, random(32)).ok, false);
  }
});
