/** Text forms of bytes (hex, base64url, base58btc, UTF-8) and canonical JSON. Browser-safe, synchronous. */
import { base58btc } from "multiformats/bases/base58";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of a text. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text);
/** Text of UTF-8 bytes; throws `TypeError` when they are not valid UTF-8. */
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes);

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let out = "";
  for (const b of bytes) out += HEX[b];
  return out;
}
/** Bytes of lower-case hex; throws on anything else. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) throw new TypeError("not lower-case hex");
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/** base64url without padding (RFC 4648 §5). */
export const toBase64Url = (bytes: Uint8Array): string =>
  bytes.toBase64({ alphabet: "base64url", omitPadding: true });
/** Bytes of base64url without padding; refuses non-canonical forms, so that one value has one text. */
export function fromBase64Url(text: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new TypeError("not base64url");
  let out: Uint8Array;
  try {
    out = Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch (cause) {
    throw new TypeError("not base64url", { cause });
  }
  if (toBase64Url(out) !== text) throw new TypeError("not canonical base64url");
  return out;
}

/** base58btc without multibase prefix. */
export const toBase58 = (bytes: Uint8Array): string => base58btc.baseEncode(bytes);
/** Bytes of base58btc without multibase prefix. */
export const fromBase58 = (text: string): Uint8Array => base58btc.baseDecode(text);

/** Joins byte arrays. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** Whether two byte arrays are equal. Not constant-time: for public values only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** A JSON value as it travels. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Canonical JSON (RFC 8785 for the values Realm uses: keys sorted by UTF-16 code units, no white space,
 * ECMAScript number form). `undefined` members are left out. Throws on NaN and infinities.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError("canonical JSON has no NaN or infinity");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map((v) => canonicalJson(v === undefined ? null : v)).join(",")}]`;
  }
  if (typeof value === "object") {
    const object = value as Record<string, unknown>;
    const members = Object.keys(object).filter((k) => object[k] !== undefined).sort()
      .map((k) => `${JSON.stringify(k)}:${canonicalJson(object[k])}`);
    return `{${members.join(",")}}`;
  }
  throw new TypeError(`canonical JSON has no ${typeof value}`);
}
/** UTF-8 bytes of {@link canonicalJson}. */
export const canonicalBytes = (value: unknown): Uint8Array => utf8(canonicalJson(value));
