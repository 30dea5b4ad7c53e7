/**
 * Who sent a delivery of a forge: the secret that both sides know, as GitHub (`X-Hub-Signature-256`), Gitea, Forgejo and
 * Gogs (`X-…-Signature`) or GitLab (`X-Gitlab-Token`) prove it. Compared in constant time.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** Headers with an HMAC-SHA256 of the body in hex, and what stands before it. */
const SIGNATURES = [
  ["x-hub-signature-256", "sha256="],
  ["x-gitea-signature", ""],
  ["x-forgejo-signature", ""],
  ["x-gogs-signature", ""],
] as const;
const TOKEN = "x-gitlab-token";

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);
const digest = (value: Uint8Array | string): Uint8Array => createHash("sha256").update(value).digest();

/** Whether the delivery has a proof of any kind, right or wrong. */
export const isSigned = (headers: Headers): boolean =>
  headers.has(TOKEN) || SIGNATURES.some(([name]) => headers.has(name));

/** Whether every proof that a delivery has is one of this secret, and it has one. */
export function isSignedBy(headers: Headers, body: Uint8Array, secret: Uint8Array): boolean {
  let proofs = 0, right = 0;
  const mac = createHmac("sha256", secret).update(body).digest();
  for (const [name, prefix] of SIGNATURES) {
    const value = headers.get(name);
    if (value === null) continue;
    proofs++;
    const hex = value.startsWith(prefix) ? value.slice(prefix.length) : "";
    if (/^[0-9a-fA-F]{64}$/.test(hex) && same(Uint8Array.fromHex(hex), mac)) right++;
  }
  const token = headers.get(TOKEN);
  if (token !== null) {
    proofs++;
    // Hashes are of one length, so that nothing tells how long the secret is.
    if (same(digest(token), digest(secret))) right++;
  }
  return proofs > 0 && proofs === right;
}
