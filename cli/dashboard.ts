/** `realm dashboard`: a link with a key of its own. */
import {
  formatDelegation,
  type Grant,
  keyIdOf,
  newSeed,
  RealmError,
  sealGrant,
  signerFromSeed,
} from "../mod.ts";
import { addressOf, connect, signingCredentials } from "./connection.ts";
import { moment, print } from "./display.ts";
import { duration, type Handler, text, UsageError } from "./invocation.ts";

const LIFE_MS = 12 * 3_600_000;

/** Makes a key, grants it a role with this machine's key, and prints the link. Nothing is written anywhere. */
export const dashboard: Handler = async (i) => {
  const lifeMs = duration(i, "expires", LIFE_MS);
  if (lifeMs > LIFE_MS) {
    throw new UsageError("--expires is at most 12h: a link is a password that is easily left behind");
  }
  const { url } = await addressOf(i);
  const credentials = await signingCredentials(i);
  const own = keyIdOf(credentials.signer.publicKey);
  const held = own === credentials.realm
    ? "owner"
    : (await (await connect(i, "write")).keys()).find((k) => k.key === own)?.role;
  if (held !== "owner" && held !== "admin") {
    throw new RealmError(
      "role_too_low",
      `a link needs a key that may grant roles, ${own} has ${
        held ?? "none that this node knows"
      }; open ${url} and sign in with the key file there, or ask an admin for a link`,
    );
  }
  const role = (text(i, "role") ?? "admin") as Grant["role"];
  const seed = newSeed(), now = Date.now();
  const key = keyIdOf(signerFromSeed(seed).publicKey);
  const grant: Grant = {
    v: 1,
    realm: credentials.realm,
    key,
    role,
    // A verifier whose clock is a little behind must not find it in the future.
    from: now - 60_000,
    until: now + lifeMs,
    name: "dashboard",
  };
  const grants = [...credentials.grants, sealGrant(grant, credentials.signer)];
  const link = `${url}/#key=${formatDelegation({ realm: credentials.realm, seed, grants })}`;
  print(
    i,
    { url: link, key, role, until: grant.until },
    () =>
      `${link}\n\nIt signs in as ${role} until ${
        moment(grant.until)
      } UTC. Take it back: realm key revoke ${key}\n`,
  );
};
