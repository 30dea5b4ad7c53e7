/** Keys and commands of a realm as its owner has them, and those that nobody may carry out. For tests only. */
import { createSigner } from "../agent/platform/mod.ts";
import {
  type CommandBody,
  type CommandKind,
  type Envelope,
  keyIdOf,
  parseKeyFile,
  type Role,
  sealCommand,
  sealGrant,
  sealSession,
  type SignedCommand,
  type Signer,
} from "../agent/protocol/mod.ts";
import type { Cluster, ClusterNode } from "./cluster.ts";

const DAY = 86_400_000;
const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));

/** Keys and commands of one realm. */
export class Hand {
  readonly realm: string;
  readonly owner: Signer;
  constructor(cluster: Cluster) {
    const file = parseKeyFile(Deno.readTextFileSync(`${cluster.root}/n0/keys/owner.key`));
    if (!file.ok || !("seed" in file.value.secret)) throw new Error("no owner key");
    this.realm = file.value.id;
    this.owner = createSigner(file.value.secret.seed);
  }
  key(role: Exclude<Role, "owner">, from = -60_000, until = DAY, realm = this.realm) {
    const signer = createSigner(random(32));
    const now = Date.now();
    const key = keyIdOf(signer.publicKey);
    const grant = sealGrant({ v: 1, realm, key, role, from: now + from, until: now + until }, this.owner);
    return { signer, grants: [grant] as readonly Envelope[], key };
  }
  command<K extends CommandKind>(
    kind: K,
    body: CommandBody<K>,
    by: { signer: Signer; grants: readonly Envelope[] } = { signer: this.owner, grants: [] },
    more: { realm?: string; at?: number } = {},
  ): SignedCommand {
    return sealCommand(
      { kind, body, realm: this.realm, at: Date.now(), nonce: random(12), ...more },
      by.signer,
      by.grants,
    );
  }
  /** What `by` signs to read at a node, after it asked for a challenge. */
  async session(
    at: ClusterNode,
    by: { signer: Signer; grants: readonly Envelope[] },
    more: Partial<Parameters<typeof sealSession>[0]> = {},
  ) {
    const { node, challenge } = await (await fetch(`${at.api}/api/session`)).json();
    const wish = { realm: this.realm, node, address: at.api, challenge, ...more };
    return sealSession(wish, by.signer, by.grants);
  }
}

/** Commands that nobody may carry out, each with the rule that forbids it. */
export function forbidden(
  hand: Hand,
): readonly (readonly [what: string, command: SignedCommand, code: string])[] {
  const body = { app: "hello-site", replicas: 1 } as const;
  const stranger = { signer: createSigner(random(32)), grants: [] };
  const right = hand.command("app.scale", body);
  const other = hand.command("app.scale", { app: "hello-site", replicas: 99 });
  const operator = hand.key("operator");
  return [
    ["a payload that was changed after signing", {
      ...right,
      envelope: { ...right.envelope, payload: other.envelope.payload },
    }, "bad_signature"],
    ["a signature for something else", {
      ...right,
      envelope: { ...right.envelope, payloadType: "application/vnd.realm.grant+json" },
    }, "bad_signature"],
    ["a key without a grant", hand.command("app.scale", body, stranger), "not_authorised"],
    [
      "another's grant",
      hand.command("app.scale", body, { ...stranger, grants: operator.grants }),
      "not_authorised",
    ],
    [
      "a grant that ended",
      hand.command("app.scale", body, hand.key("operator", -2 * DAY, -DAY)),
      "grant_expired",
    ],
    ["a grant to come", hand.command("app.scale", body, hand.key("operator", DAY, 2 * DAY)), "grant_expired"],
    ["a viewer", hand.command("app.scale", body, hand.key("viewer")), "role_too_low"],
    ["an operator as admin", hand.command("key.revoke", { key: operator.key }, operator), "role_too_low"],
    [
      "another realm",
      hand.command("app.scale", body, undefined, { realm: keyIdOf(stranger.signer.publicKey) }),
      "wrong_realm",
    ],
    [
      "a grant of another realm",
      hand.command("app.scale", body, hand.key("operator", 0, DAY, keyIdOf(stranger.signer.publicKey))),
      "wrong_realm",
    ],
    [
      "a command of six minutes ago",
      hand.command("app.scale", body, undefined, { at: Date.now() - 6 * 60_000 }),
      "stale_command",
    ],
    [
      "a command of in six minutes",
      hand.command("app.scale", body, undefined, { at: Date.now() + 6 * 60_000 }),
      "stale_command",
    ],
  ];
}
