/** `realm invite`: a token for other machines. */
import {
  inviteId,
  inviteToken,
  isDigest,
  limits,
  parseInviteToken,
  RealmError,
  sealInvite,
  toBase64Url,
  unwrap,
} from "../mod.ts";
import { connect, signingCredentials } from "./connection.ts";
import { moment, print } from "./display.ts";
import { duration, type Handler, type Invocation, list, text, UsageError, whole } from "./invocation.ts";

/** Addresses that a token can hold. */
const BOOTSTRAP = 16;

/** Addresses of running nodes, the local one's first. */
async function bootstrapOf(i: Invocation): Promise<string[]> {
  const given = list(i, "bootstrap");
  if (given.length > BOOTSTRAP) throw new UsageError(`a token holds at most ${BOOTSTRAP} addresses`);
  if (given.length > 0) return given;
  const nodes = await (await connect(i, "read")).nodes();
  const alive = nodes.filter((n) => n.state === "alive" && n.info)
    .toSorted((a, b) => Number(b.self) - Number(a.self));
  // Each node's first addresses before anyone's later ones: more nodes to try.
  const all: string[] = [];
  for (let rank = 0; rank < BOOTSTRAP; rank++) {
    for (const { id, info } of alive) {
      const address = info!.addresses[rank];
      if (address) all.push(address.includes("/p2p/") ? address : `${address}/p2p/${id}`);
    }
  }
  if (all.length > 0) return [...new Set(all)].slice(0, BOOTSTRAP);
  throw new RealmError(
    "unavailable",
    "no running node told an address to join through; give one with --bootstrap",
  );
}

/** See the module's text. */
export const invite: Handler = async (i) => {
  const revoke = text(i, "revoke");
  if (revoke !== undefined) {
    const id = isDigest(revoke) ? revoke : inviteId(unwrap(parseInviteToken(revoke)).signed);
    const done = await (await connect(i, "write")).command("invite.revoke", { invite: id });
    return print(i, done, () => `The invite is useless from now on (command ${done.id}).\n`);
  }
  const uses = whole(i, "uses", 1, 1, 10_000);
  const lifeMs = duration(i, "expires", 24 * 3_600_000);
  if (lifeMs < 1_000 || lifeMs > limits.inviteMaxMs) {
    throw new UsageError(`--expires is at most ${limits.inviteMaxMs / 86_400_000}d`);
  }
  const bootstrap = await bootstrapOf(i);
  const { realm, signer, grants } = await signingCredentials(i);
  const now = Date.now();
  const signed = sealInvite(
    {
      v: 1,
      realm,
      bootstrap,
      tags: list(i, "tags"),
      uses,
      from: now,
      until: now + lifeMs,
      nonce: toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
    },
    signer,
    grants,
  );
  const made = { token: inviteToken(signed), id: inviteId(signed), uses, until: now + lifeMs, bootstrap };
  if (i.terminal.live) {
    i.terminal.err(
      `For ${uses === 1 ? "one machine" : `${uses} machines`}, until ${
        moment(made.until)
      } UTC. There: realm join TOKEN\n\n`,
    );
  }
  print(i, made, () => `${made.token}\n`);
};
