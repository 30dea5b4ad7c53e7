/**
 * How values of secrets are sealed. A value is encrypted under a random key of its own by XChaCha20-Poly1305; realm, name
 * and version are bound to it, so that a ciphertext is good in one place only. The key is sealed to a node by an
 * ephemeral X25519 exchange with that node's key: HKDF-SHA256 over the shared secret makes a key that is used once.
 *
 * A node's X25519 key is its Ed25519 key by the birational map between the two curves (RFC 7748, section 4.1), as in age
 * and libsodium: whoever knows a node's id can seal to it. Nothing else derives keys from it under these labels.
 *
 * Pure: randomness comes in. Not part of `mod.ts` of this folder: loading the curves takes time that most commands have
 * no use for.
 */
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, fromBase64Url, toBase64Url, utf8 } from "./encoding.ts";
import { refuse, type Result } from "./errors.ts";
import { type NodeId, publicKeyOf, type RealmId } from "./identity.ts";
import { type SecretBox, secretLimits } from "./secret.ts";

/** What a sealed value is bound to. */
export interface SecretPlace {
  readonly realm: RealmId;
  readonly name: string;
  readonly version: string;
}
/** `n` random bytes. */
export type RandomBytes = (n: number) => Uint8Array;

const NONCE_BYTES = 24, KEY_BYTES = 32, HEAD_BYTES = 4;

const labelled = (label: string, { realm, name, version }: SecretPlace): Uint8Array =>
  utf8(JSON.stringify([label, realm, name, version]));

/** Encrypts a value under `key`, 32 random bytes that are used for nothing else. */
export function encryptValue(
  value: Uint8Array,
  place: SecretPlace,
  key: Uint8Array,
  random: RandomBytes,
): string {
  const { padBytes } = secretLimits;
  const plain = new Uint8Array(Math.ceil((HEAD_BYTES + value.length) / padBytes) * padBytes);
  new DataView(plain.buffer).setUint32(0, value.length);
  plain.set(value, HEAD_BYTES);
  const nonce = random(NONCE_BYTES);
  const sealed = xchacha20poly1305(key, nonce, labelled("realm secret 1", place)).encrypt(plain);
  plain.fill(0);
  return toBase64Url(concatBytes(nonce, sealed));
}

/** The value again; refuses with `bad_signature` what was not encrypted so, for this place. */
export function decryptValue(sealed: string, place: SecretPlace, key: Uint8Array): Result<Uint8Array> {
  try {
    const bytes = fromBase64Url(sealed);
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const plain = xchacha20poly1305(key, nonce, labelled("realm secret 1", place))
      .decrypt(bytes.subarray(NONCE_BYTES));
    const length = new DataView(plain.buffer, plain.byteOffset).getUint32(0);
    if (length <= plain.length - HEAD_BYTES) {
      return { ok: true, value: plain.slice(HEAD_BYTES, HEAD_BYTES + length) };
    }
  } catch { /* refused below */ }
  return refuse("bad_signature", `the value of the secret ${place.name} is damaged; set it again`);
}

/** The key for one box: of what both sides can compute, bound to them and to the place. */
function boxKey(
  shared: Uint8Array,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
  place: SecretPlace,
): Uint8Array {
  return hkdf(sha256, shared, concatBytes(ephemeral, recipient), labelled("realm secret box 1", place), 32);
}
/** A key that is used once needs no nonce of its own. */
const NO_NONCE = new Uint8Array(NONCE_BYTES);

/** Seals a secret's key to a node. Throws `RangeError` for what is no node's id. */
export function sealKey(key: Uint8Array, node: NodeId, place: SecretPlace, random: RandomBytes): SecretBox {
  const publicKey = publicKeyOf(node);
  if (!publicKey) throw new RangeError(`${node} is no node id`);
  const recipient = ed25519.utils.toMontgomery(publicKey);
  const secret = random(KEY_BYTES);
  const ephemeral = x25519.getPublicKey(secret);
  const wrapping = boxKey(x25519.getSharedSecret(secret, recipient), ephemeral, recipient, place);
  const box = xchacha20poly1305(wrapping, NO_NONCE).encrypt(key);
  return { node, box: toBase64Url(concatBytes(ephemeral, box)) };
}

/** A node's means to open boxes that are sealed to it; `seed` is that of its Ed25519 key. */
export function createOpener(seed: Uint8Array) {
  const secret = ed25519.utils.toMontgomerySecret(seed);
  const recipient = x25519.getPublicKey(secret);
  return {
    /** The secret's key; `undefined`: the box was not sealed to this node, or for another place. */
    open(box: string, place: SecretPlace): Uint8Array | undefined {
      try {
        const bytes = fromBase64Url(box);
        const ephemeral = bytes.subarray(0, KEY_BYTES);
        const wrapping = boxKey(x25519.getSharedSecret(secret, ephemeral), ephemeral, recipient, place);
        const key = xchacha20poly1305(wrapping, NO_NONCE).decrypt(bytes.subarray(KEY_BYTES));
        return key.length === KEY_BYTES ? key : undefined;
      } catch {
        return undefined;
      }
    },
  };
}
/** See {@link createOpener}. */
export type SecretOpener = ReturnType<typeof createOpener>;
