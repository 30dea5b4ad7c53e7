/**
 * Every capability of Realm, declared once: the queries in `queries/`, the commands in `command.ts`. API routes and
 * the OpenAPI document are made from this table; a test holds the command line against it.
 */
import type * as v from "valibot";
import { type CommandKind, commandKinds } from "./command.ts";
import type { Role } from "./grant.ts";
import { appQueries } from "./queries/app.ts";
import { jobQueries } from "./queries/job.ts";
import { nodeQueries } from "./queries/node.ts";
import { openQueries } from "./queries/open.ts";
import type { Query } from "./queries/query.ts";
import { realmQueries } from "./queries/realm.ts";
import { storageQueries } from "./queries/storage.ts";
import { trustQueries } from "./queries/trust.ts";
import { upgradeQueries } from "./queries/upgrade.ts";

export type { AnswerKind, Query } from "./queries/query.ts";

/** All requests that are no commands. */
export const queries = {
  ...openQueries,
  ...realmQueries,
  ...nodeQueries,
  ...appQueries,
  ...jobQueries,
  ...upgradeQueries,
  ...trustQueries,
  ...storageQueries,
} as const;
/** Name of a query. */
export type QueryName = keyof typeof queries;
/** Parameters of a query as the server sees them. */
export type QueryParams<N extends QueryName> = (typeof queries)[N]["params"] extends infer S
  ? S extends v.GenericSchema ? v.InferOutput<S> : never
  : never;

/** The command lines that offer each command kind. */
export const commandLines: { readonly [K in CommandKind]: readonly string[] } = {
  "app.deploy": ["deploy", "apply"],
  "app.scale": ["app scale", "apply"],
  "app.rollback": ["app rollback"],
  "app.remove": ["app remove"],
  "job.submit": ["job submit", "submit", "job rerun", "apply"],
  "job.cancel": ["job cancel"],
  "job.schedule": ["job submit", "submit", "apply"],
  "job.pause": ["job pause", "job resume"],
  "job.unschedule": ["job unschedule"],
  "node.tag": ["node tag", "apply"],
  "node.cordon": ["node cordon", "apply"],
  "node.uncordon": ["node uncordon", "apply"],
  "node.drain": ["node drain", "apply"],
  "policy.set": ["policy set", "apply"],
  "secret.set": ["secret set", "apply"],
  "secret.scope": ["secret scope", "apply"],
  "secret.remove": ["secret remove"],
  "node.remove": ["node remove"],
  "key.grant": ["key grant", "apply"],
  "key.revoke": ["key revoke", "apply"],
  "invite.revoke": ["invite"],
  "blob.pin": ["storage pin", "storage put", "apply"],
  "blob.unpin": ["storage unpin"],
  "upgrade.start": ["upgrade"],
  "upgrade.abort": ["upgrade abort"],
  "upgrade.resume": ["upgrade resume"],
};

/** One thing that Realm can do, as every surface shows it. */
export interface Capability {
  /** Name of the query or kind of the command. */
  readonly name: string;
  /** `command`: signed and submitted to `POST /api/commands`; `query`: a request of its own. */
  readonly form: "query" | "command";
  /** One line for people. */
  readonly summary: string;
  /** Role that it needs; `undefined` where none is needed. */
  readonly role: Role | undefined;
  /** The command lines that offer it. */
  readonly cli: readonly string[];
}

/** All capabilities, queries first. */
export function capabilities(): readonly Capability[] {
  const asked = Object.entries(queries).map(([name, query]): Capability => ({
    name,
    form: "query",
    summary: query.summary,
    role: (query as Query).role,
    cli: query.cli,
  }));
  const signed = Object.entries(commandKinds).map(([name, kind]): Capability => ({
    name,
    form: "command",
    summary: kind.summary,
    role: kind.role,
    cli: commandLines[name as CommandKind],
  }));
  return [...asked, ...signed];
}
