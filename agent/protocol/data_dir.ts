/** Files in a node's data directory that the agent and the command line share: their names and their content. */
import * as v from "valibot";
import { KeyIdSchema, TimeSchema } from "./grant.ts";
import { SignedInviteSchema } from "./invite.ts";
import { GrantChainSchema } from "./grant.ts";

/** Paths inside the data directory, `/`-separated. */
export const dataFiles = {
  /** Mode 0600. On the owner's machine only; it can be moved away. */
  ownerKey: "keys/owner.key",
  /** Mode 0600. */
  operatorKey: "keys/operator.key",
  /** The operator key's grants, from the owner's towards the key's own: JSON, {@link GrantFileSchema}. */
  operatorGrants: "keys/operator.grants.json",
  /** Mode 0600. */
  nodeKey: "keys/node.key",
  /** Which realm this machine belongs to and by which invite: JSON, {@link RealmFileSchema}. */
  realm: "realm.json",
  /** Written by the running agent, removed at its end: JSON, {@link AgentFileSchema}. */
  agent: "agent.json",
  /** The command line's session token, mode 0600. */
  session: "session.json",
} as const;

/** Schema of `realm.json`. A founder's invite has no bootstrap addresses and one use. */
export const RealmFileSchema = v.strictObject({ realm: KeyIdSchema, invite: SignedInviteSchema });
/** See {@link RealmFileSchema}. */
export type RealmFile = v.InferOutput<typeof RealmFileSchema>;

/** Schema of `agent.json`. */
export const AgentFileSchema = v.object({
  pid: v.number(),
  /** Address of the API, `http://127.0.0.1:PORT`. */
  api: v.string(),
  /** Address of the gateway. */
  gateway: v.optional(v.string()),
  started_at: TimeSchema,
});
/** See {@link AgentFileSchema}. */
export type AgentFile = v.InferOutput<typeof AgentFileSchema>;

/** Schema of a file with the grants of an operator key. */
export const GrantFileSchema = v.strictObject({ realm: KeyIdSchema, grants: GrantChainSchema });
/** See {@link GrantFileSchema}. */
export type GrantFile = v.InferOutput<typeof GrantFileSchema>;
