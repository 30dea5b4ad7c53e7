/** Text forms of bytes (hex, base64url, base58btc, UTF-8) and canonical JSON. Browser-safe, synchronous. */
import { base58btc } from "multiformats/bases/base58";

import { utf8 } from "./bytes.ts";

export { concatBytes, fromHex, fromUtf8, toHex, utf8 } from "./bytes.ts";

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
