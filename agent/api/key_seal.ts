/** Key files with a passphrase: scrypt makes a key of it (OWASP's cost for interactive use), AES-256-GCM seals the seed. */
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { utf8 } from "../protocol/encoding.ts";
import { RealmError } from "../protocol/errors.ts";
import type { Signer } from "../protocol/identity.ts";
import { type KeyFile, keyFileId, type KeyKind, type SealedSeed } from "../protocol/key_file.ts";
import { signerFromSeed } from "./signing.ts";

/** 2^17, r = 8, p = 1: OWASP Password Storage Cheat Sheet; 128 MiB and about half a second. */
const LOG_N = 17;

async function boxKey(passphrase: string, salt: Uint8Array, logN: number): Promise<CryptoKey> {
  const raw = await scryptAsync(utf8(passphrase.normalize("NFKC")), salt, {
    N: 2 ** logN,
    r: 8,
    p: 1,
    dkLen: 32,
    maxmem: 2 ** 31,
  });
  return await crypto.subtle.importKey("raw", Uint8Array.from(raw), "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** The content of a key file for a seed; sealed when there is a passphrase. `logN` is lowered only by tests. */
export async function makeKeyFile(
  kind: KeyKind,
  seed: Uint8Array,
  passphrase?: string,
  logN = LOG_N,
): Promise<KeyFile> {
  const id = keyFileId(kind, signerFromSeed(seed).publicKey);
  if (passphrase === undefined) return { kind, id, secret: { seed } };
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const key = await boxKey(passphrase, salt, logN);
  const box = new Uint8Array(
    await crypto.subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: Uint8Array.from(utf8(id)) },
      key,
      Uint8Array.from(seed),
    ),
  );
  return { kind, id, secret: { sealed: { logN, salt, iv, box } } };
}

async function unseal(id: string, sealed: SealedSeed, passphrase: string): Promise<Uint8Array> {
  const key = await boxKey(passphrase, sealed.salt, sealed.logN);
  try {
    return new Uint8Array(
      await crypto.subtle.decrypt(
        { name: "AES-GCM", iv: Uint8Array.from(sealed.iv), additionalData: Uint8Array.from(utf8(id)) },
        key,
        Uint8Array.from(sealed.box),
      ),
    );
  } catch (cause) {
    throw new RealmError("usage", "the passphrase does not open the key; try again", { cause });
  }
}

/**
 * The signer of a key file. `askPassphrase` is called only for a sealed one. Throws `RealmError("usage")` when the
 * passphrase is wrong or the file contradicts itself.
 */
export async function signerOfKeyFile(
  file: KeyFile,
  askPassphrase: () => string | Promise<string>,
): Promise<Signer> {
  const seed = "seed" in file.secret
    ? file.secret.seed
    : await unseal(file.id, file.secret.sealed, await askPassphrase());
  const signer = signerFromSeed(seed);
  if (keyFileId(file.kind, signer.publicKey) !== file.id) {
    throw new RealmError("usage", `the key file's id ${file.id} is not its key's; restore it from a backup`);
  }
  return signer;
}
