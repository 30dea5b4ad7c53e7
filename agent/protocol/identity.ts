/**
 * Names of keys. Owner and operator keys are written as multikey (`z6Mk…`, the did:key form of Ed25519);
 * node keys as libp2p peer ids (`12D3KooW…`). Both hold the raw 32-byte public key, so no look-up is ever needed.
 */
import { concatBytes, fromBase58, toBase58, toHex } from "./encoding.ts";
import { sha256 } from "@noble/hashes/sha2.js";

/** An owner or operator key: multikey text, `z6Mk…`. */
export type KeyId = string;
/** A realm's id: the owner's {@link KeyId}. */
export type RealmId = KeyId;
/** A node's key: libp2p peer id text, `12D3KooW…`. */
export type NodeId = string;
/** SHA-256 in lower-case hex, 64 characters. */
export type Digest = string;

/** multicodec `ed25519-pub` (0xed as varint), https://github.com/multiformats/multicodec. */
const ED25519_PUB = Uint8Array.of(0xed, 0x01);
/** identity multihash of a protobuf `PublicKey{Type: Ed25519, Data: 32 bytes}` (libp2p peer-id spec). */
const PEER_ID = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);

function decode(text: string, prefix: Uint8Array): Uint8Array | undefined {
  if (text.length < 40 || text.length > 64) return undefined;
  try {
    const bytes = fromBase58(text);
    if (bytes.length !== prefix.length + 32 || !prefix.every((b, i) => bytes[i] === b)) return undefined;
    return bytes.subarray(prefix.length);
  } catch {
    return undefined;
  }
}

/** The key id of a raw Ed25519 public key. */
export const keyIdOf = (publicKey: Uint8Array): KeyId => "z" + toBase58(concatBytes(ED25519_PUB, publicKey));
/** The node id of a raw Ed25519 public key. */
export const nodeIdOf = (publicKey: Uint8Array): NodeId => toBase58(concatBytes(PEER_ID, publicKey));

/** Decoding base58 is slow and the same few keys come again and again: a bounded memory of answers. */
const decoded = new Map<string, Uint8Array | undefined>();
const DECODED_MAX = 20_000;

/** The raw public key of a key id or node id; `undefined` when it is neither. */
export function publicKeyOf(id: KeyId | NodeId): Uint8Array | undefined {
  if (decoded.has(id)) return decoded.get(id);
  const key = id.startsWith("z") ? decode(id.slice(1), ED25519_PUB) : decode(id, PEER_ID);
  if (decoded.size >= DECODED_MAX) decoded.clear();
  if (id.length <= 64) decoded.set(id, key);
  return key;
}
/** Whether a text is a key id. */
export const isKeyId = (text: string): boolean => text.startsWith("z") && publicKeyOf(text) !== undefined;
/** Whether a text is a node id. */
export const isNodeId = (text: string): boolean => !text.startsWith("z") && publicKeyOf(text) !== undefined;
/** Whether a text is a digest. */
export const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

/** SHA-256 of small content, synchronously and browser-safe. For files use the disk port's streaming hash. */
export const digestOf = (bytes: Uint8Array): Digest => toHex(sha256(bytes));

/** Short form of an id for people: enough characters to tell a thousand apart. */
export const shortId = (id: string): string =>
  isDigest(id) ? id.slice(0, 12) : id.startsWith("12D3KooW") ? id.slice(8, 16) : id.slice(0, 12);

/** Checks and makes Ed25519 signatures; implemented by the platform (node:crypto) and the browser (noble). */
export interface Verifier {
  /** Whether `signature` over `message` is by `publicKey` (raw, 32 bytes). Never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}
/** A private key that signs; the key itself never leaves the implementation. */
export interface Signer {
  /** Raw public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature, 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}
