/** `realm app scale|rollback|remove`: changing what is deployed. */
import { type RealmClient, RealmError, type RevisionView, shortId } from "../mod.ts";
import { connect } from "./connection.ts";
import { print } from "./display.ts";
import { followRollout, followScale, until } from "./following.ts";
import { duration, flag, type Handler, type Invocation, UsageError } from "./invocation.ts";
import { confirm } from "./passphrase.ts";
import { reportEnd } from "./rollout_report.ts";

/** Default time that a command follows what it set off. */
export const FOLLOW_MS = 600_000;

/** A number of replicas as typed. */
export function replicasOf(value: string, what: string): number | "all" {
  if (value === "all") return "all";
  if (/^[0-9]{1,4}$/.test(value) && Number(value) <= 1_000) return Number(value);
  throw new UsageError(`${what} is a whole number up to 1000 or "all", not ${JSON.stringify(value)}`);
}

const tell = (i: Invocation, id: string, sentence: string): void =>
  flag(i, "json") ? undefined : i.terminal.err(`${sentence} (command ${shortId(id)})\n`);

/** Changes the number of replicas. */
export const scale: Handler = async (i) => {
  const [name, value] = i.args;
  const replicas = replicasOf(value, "REPLICAS");
  const client = await connect(i, "write");
  await client.app(name);
  const done = await client.command("app.scale", { app: name, replicas });
  tell(i, done.id, `${name} is scaled to ${replicas}`);
  if (flag(i, "detach")) return print(i, done, () => "");
  const app = await followScale(i, client, name, replicas, duration(i, "timeout", FOLLOW_MS));
  print(i, app, () => `${name} has ${app.healthy} healthy ${app.healthy === 1 ? "replica" : "replicas"}.\n`);
};

/** The revision that a person means: by number, id, or version; without, the last good one before. */
function revisionMeant(
  history: readonly RevisionView[],
  wanted: string | undefined,
  app: string,
): RevisionView {
  const newest = history.toSorted((a, b) => b.number - a.number);
  const standing = newest.find((r) => r.state === "current" || r.state === "rolling");
  if (wanted === undefined) {
    const before = newest.find((r) =>
      r.number < (standing?.number ?? Infinity) && r.state === "past" && r.package !== standing?.package
    );
    if (before) return before;
    throw new RealmError(
      "not_found",
      `${app} has no earlier deploy to return to; see 'realm app history ${app}'`,
    );
  }
  const found = newest.find((r) => String(r.number) === wanted) ??
    newest.find((r) => r.version === wanted && r.state !== "rejected") ??
    newest.find((r) => wanted.length >= 6 && r.id.startsWith(wanted));
  if (found) return found;
  throw new RealmError("not_found", `${app} has no deploy ${wanted}; see 'realm app history ${app}'`);
}

/** Returns to an earlier deploy. */
export const rollback: Handler = async (i) => {
  const [name, wanted] = i.args;
  const client = await connect(i, "write");
  const target = revisionMeant(await client.history(name), wanted, name);
  const done = await client.command("app.rollback", { app: name, revision: target.id });
  tell(i, done.id, `${name} returns to ${target.version} (deploy ${target.number})`);
  if (flag(i, "detach")) return print(i, done, () => "");
  return reportEnd(i, await followRollout(i, client, name, done.id, duration(i, "timeout", FOLLOW_MS)));
};

async function gone(client: RealmClient, name: string): Promise<boolean> {
  try {
    const app = await client.app(name);
    return app.phase === "removed" && app.replicas.every((r) => r.state === "stopped");
  } catch (error) {
    if (error instanceof RealmError && error.code === "not_found") return true;
    throw error;
  }
}

/** Stops and forgets an app. */
export const remove: Handler = async (i) => {
  const [name] = i.args, volumes = flag(i, "volumes");
  const client = await connect(i, "write");
  const app = await client.app(name);
  const question = volumes && app.volumes.length > 0
    ? `Remove ${name} and delete its data (${
      app.volumes.map((v) => `${v.name} on ${v.node_name}`).join(", ")
    }) for ever?`
    : `Remove ${name}? ${app.volumes.length > 0 ? "Its volumes stay." : "It has no volumes."}`;
  if (!flag(i, "yes") && !confirm(question)) return 1;
  const done = await client.command("app.remove", { app: name, volumes });
  tell(i, done.id, `${name} is being removed`);
  if (!flag(i, "detach")) {
    await until(
      duration(i, "timeout", FOLLOW_MS),
      `${name} still has replicas; see 'realm app show ${name}'`,
      () => gone(client, name),
    );
  }
  print(i, done, () => `${name} is removed.\n`);
};
