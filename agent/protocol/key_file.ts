/**
 * The text form of a private key on disk: four short lines, so that a person sees what it is. The seed is plain, or
 * sealed by a passphrase (see `agent/api/key_seal.ts`).
 */
import { fromBase64Url, toBase64Url } from "./encoding.ts";
import { refuse, type Result } from "./errors.ts";
import { isKeyId, isNodeId, type KeyId, keyIdOf, type NodeId, nodeIdOf } from "./identity.ts";

/** What a key is for. */
export const keyKinds = ["owner", "operator", "node"] as const;
/** One of {@link keyKinds}. */
export type KeyKind = (typeof keyKinds)[number];

/** A seed sealed by a passphrase: scrypt (RFC 7914) and AES-256-GCM. */
export interface SealedSeed {
  /** scrypt cost: 2 to this power. */
  readonly logN: number;
  /** 16 bytes. */
  readonly salt: Uint8Array;
  /** GCM nonce, 12 bytes. */
  readonly iv: Uint8Array;
  /** Ciphertext and tag, 48 bytes. */
  readonly box: Uint8Array;
}

/** A key file's content. */
export interface KeyFile {
  /** What the key is for. */
  readonly kind: KeyKind;
  /** Key id, or node id for a node's key. */
  readonly id: KeyId | NodeId;
  /** 32 bytes, or sealed. */
  readonly secret: { readonly seed: Uint8Array } | { readonly sealed: SealedSeed };
}

const FIRST_LINE = "realm-key-1";
/** Cost that a file may ask for: 2^20 needs 1 GiB of memory. */
const MAX_LOG_N = 20;

/** Id of a public key as files of this kind name it. */
export const keyFileId = (kind: KeyKind, publicKey: Uint8Array): KeyId | NodeId =>
  kind === "node" ? nodeIdOf(publicKey) : keyIdOf(publicKey);

/** Text of a key file. */
export function formatKeyFile(file: KeyFile): string {
  const secret = "seed" in file.secret
    ? `seed ${toBase64Url(file.secret.seed)}`
    : `sealed scrypt ${file.secret.sealed.logN} ${toBase64Url(file.secret.sealed.salt)} ${
      toBase64Url(file.secret.sealed.iv)
    } ${toBase64Url(file.secret.sealed.box)}`;
  return `${FIRST_LINE}\nkind ${file.kind}\nid ${file.id}\n${secret}\n`;
}

/** Reads a key file; refuses with `usage` and never repeats any of a damaged file's content. */
export function parseKeyFile(text: string, name = "the key file"): Result<KeyFile> {
  const damaged = refuse("usage", `${name} is no key file of Realm or is damaged; restore it from a backup`);
  const lines = text.slice(0, 4_096).split(/\r?\n/).filter((l) => l !== "");
  if (lines.length !== 4 || lines[0] !== FIRST_LINE) return damaged;
  const [, kindLine, idLine, secretLine] = lines;
  const kind = keyKinds.find((k) => kindLine === `kind ${k}`);
  const id = idLine.startsWith("id ") ? idLine.slice(3) : "";
  if (!kind || !(kind === "node" ? isNodeId(id) : isKeyId(id))) return damaged;
  try {
    const words = secretLine.split(" ");
    if (words[0] === "seed" && words.length === 2) {
      const seed = fromBase64Url(words[1]);
      return seed.length === 32 ? { ok: true, value: { kind, id, secret: { seed } } } : damaged;
    }
    if (words[0] !== "sealed" || words[1] !== "scrypt" || words.length !== 6) return damaged;
    const logN = Number(words[2]);
    const [salt, iv, box] = words.slice(3).map(fromBase64Url);
    const sane = Number.isInteger(logN) && logN >= 10 && logN <= MAX_LOG_N && salt.length === 16 &&
      iv.length === 12 && box.length === 48;
    return sane ? { ok: true, value: { kind, id, secret: { sealed: { logN, salt, iv, box } } } } : damaged;
  } catch {
    return damaged;
  }
}
