import assert from "node:assert/strict";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { MASK, Masker } from "./masking.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const maskerOf = (...values: string[]) => {
  const masker = new Masker();
  for (const value of values) masker.add(utf8(value));
  return masker;
};
/** Everything that comes out when `text` goes in piece by piece. */
function inPieces(masker: Masker, pieces: readonly string[]): string {
  const stream = masker.stream();
  return pieces.map((p) => stream.push(p)).join("") + stream.end();
}

const SECRET = `p&ss "wörd"/+=<tok'en>?`;
const base64 = (text: string) => Buffer.from(text).toString("base64");

for (
  const [how, written] of [
    ["as it is", SECRET],
    ["as base64", base64(SECRET)],
    ["as base64 behind a user name", base64(`user:${SECRET}`)],
    ["as base64 behind two letters", base64(`ab${SECRET}cd`)],
    ["as base64 of a line", base64(`${SECRET}\n`)],
    ["as base64 for addresses", Buffer.from(SECRET).toString("base64url")],
    ["as hex", Buffer.from(SECRET).toString("hex")],
    ["as upper-case hex", Buffer.from(SECRET).toString("hex").toUpperCase()],
    ["percent-encoded", encodeURIComponent(SECRET)],
    ["as a form field", new URLSearchParams({ a: SECRET }).toString().slice(2).replaceAll("%27", "'")],
    ["as JSON", JSON.stringify(SECRET)],
    ["as XML", "p&amp;ss &quot;wörd&quot;/+=&lt;tok&#39;en&gt;?"],
    ["quoted for a shell", `'${SECRET.replaceAll("'", "'\\''")}'`],
  ] as const
) {
  Deno.test(`a value written ${how} is hidden`, () => {
    const masked = maskerOf(SECRET).mask(`before ${written} after`);
    assert.ok(masked.includes(MASK), masked);
    assert.ok(masked.length < 40, masked);
    assert.ok(masked.startsWith("before ") && masked.endsWith(" after"), masked);
  });
}

Deno.test("a long value is hidden in base64 that is wrapped", () => {
  const value = Array.from({ length: 200 }, (_, i) => String.fromCharCode(33 + (i * 7) % 90)).join("");
  for (const width of [76, 64]) {
    const wrapped = base64(value).replaceAll(new RegExp(`.{${width}}`, "g"), "$&\n");
    const masked = maskerOf(value).mask(wrapped);
    assert.ok(masked.replaceAll(/[*\n=]/g, "").length < 4, masked);
  }
});

Deno.test("each line of a value of lines is hidden", () => {
  const key = "-----BEGIN KEY-----\nAAAAB3NzaC1yc2E\nx\nqqqqqqqqqq\n-----END KEY-----\n";
  const masker = maskerOf(key);
  assert.equal(masker.mask("second: AAAAB3NzaC1yc2E."), `second: ${MASK}.`);
  assert.equal(masker.mask(JSON.stringify({ key })), `{"key":"${MASK}"}`);
});

Deno.test("of two values of which one begins like the other, both are hidden, in whichever pieces they come", () => {
  const masker = maskerOf("secret-one", "secret-one-and-more", "one-and-nothing");
  const text = "a secret-one b secret-one-and-more c one-and-nothing d secret-one-and-nothing e secret-on";
  const whole = inPieces(masker, [text]);
  assert.equal(whole, "a *** b *** c *** d ***-and-nothing e ***");
  for (let at = 0; at <= text.length; at++) {
    assert.equal(inPieces(masker, [text.slice(0, at), text.slice(at)]), whole, `cut at ${at}`);
  }
  assert.equal(inPieces(masker, [...text]), whole);
});

Deno.test("whatever the value, the text around it and the pieces, no form of it comes through (fuzzed)", () => {
  const printable = fc.string({ minLength: 6, maxLength: 40, unit: "grapheme-ascii" })
    .filter((s) => s.trim() === s && !/^\**$/.test(s));
  fc.assert(
    fc.property(
      printable,
      fc.array(fc.oneof(fc.string({ maxLength: 12 }), fc.constant(null)), { maxLength: 12 }),
      fc.integer({ min: 1, max: 9 }),
      (value, parts, size) => {
        const forms = [value, base64(value), encodeURIComponent(value), JSON.stringify(value).slice(1, -1)];
        const text = parts.map((part, i) => part ?? forms[i % forms.length]).join(" ");
        const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
        const masked = inPieces(maskerOf(value), pieces);
        assert.ok(!masked.includes(value), masked);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("without a value nothing is held back or changed", () => {
  const stream = new Masker().stream();
  assert.equal(stream.push("any thing\n"), "any thing\n");
  assert.equal(stream.end(), "");
});

Deno.test("a value that is no text is hidden in its encodings", () => {
  const value = Uint8Array.from({ length: 24 }, (_, i) => 0x80 + i);
  const masker = new Masker();
  masker.add(value);
  assert.equal(masker.mask(Buffer.from(value).toString("base64")), MASK);
  assert.equal(masker.mask(Buffer.from(value).toString("hex")), MASK);
});

Deno.test("masking keeps up with a log at full speed", () => {
  const masker = maskerOf(SECRET, "another-value", "-----BEGIN KEY-----\nAAAAB3NzaC1yc2E\nqqqqqqqqqq");
  const line = "2026-01-01T00:00:00Z INFO compiling something of no interest at all, take 12345\n";
  const chunk = line.repeat(800);
  const stream = masker.stream();
  const started = performance.now();
  let bytes = 0;
  for (; bytes < 64 * 1024 * 1024; bytes += chunk.length) stream.push(chunk);
  const rate = bytes / 1024 / 1024 / ((performance.now() - started) / 1_000);
  console.log(`masking: ${Math.round(rate)} MiB/s with ${3} secrets`);
  assert.ok(rate > 24, `${rate} MiB/s`);
});
