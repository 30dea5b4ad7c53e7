/** Files in a node's data directory that the agent and the command line share: their names and their content. */
import * as v from "valibot";
import { utf8 } from "./encoding.ts";
import type { Envelope } from "./envelope.ts";
import type { Result } from "./errors.ts";
import { decodeJson, GrantChainSchema, KeyIdSchema, TimeSchema } from "./grant.ts";
import type { RealmId } from "./identity.ts";
import { type SignedInvite, SignedInviteSchema } from "./invite.ts";

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
export interface RealmFile {
  /** The realm's id. */
  realm: RealmId;
  /** What lets this machine in. */
  invite: SignedInvite;
}

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
export interface AgentFile {
  /** Process id of the agent. */
  pid: number;
  /** Address of the API, `http://127.0.0.1:PORT`. */
  api: string;
  /** Address of the gateway. */
  gateway?: string | undefined;
  /** Milliseconds since 1970. */
  started_at: number;
}

/** Schema of a file with the grants of an operator key. */
export const GrantFileSchema = v.strictObject({ realm: KeyIdSchema, grants: GrantChainSchema });
/** See {@link GrantFileSchema}. */
export interface GrantFile {
  /** Realm in which the grants hold. */
  realm: RealmId;
  /** From the owner's towards the key's own. */
  grants: Envelope[];
}

/** Reads the text of `realm.json`. */
export const parseRealmFile = (text: string): Result<RealmFile> =>
  decodeJson(utf8(text), RealmFileSchema, dataFiles.realm);
/** Reads the text of `agent.json`. */
export const parseAgentFile = (text: string): Result<AgentFile> =>
  decodeJson(utf8(text), AgentFileSchema, dataFiles.agent);
/** Reads the text of a file of grants. */
export const parseGrantFile = (text: string): Result<GrantFile> =>
  decodeJson(utf8(text), GrantFileSchema, "the file of grants");
