/** `realm secret …`. */
import {
  checkSecret,
  describeScope,
  openScope,
  type RealmClient,
  RealmError,
  sealSecret,
  type SecretScope,
  type SecretView,
  shortId,
} from "../mod.ts";
import { connect, signingCredentials } from "./connection.ts";
import { ago, facts, moment, print, table } from "./display.ts";
import { flag, type Handler, type Invocation, list as listed, text, UsageError } from "./invocation.ts";
import { readNamedBytes } from "./local_files.ts";
import { confirm, readSecret } from "./passphrase.ts";
import { show as showing } from "./watching.ts";

const isGiven = (i: Invocation): boolean =>
  flag(i, "open") || ["job", "branch", "tag"].some((name) => i.options[name] !== undefined);

/** What the options say on top of what was said before. */
function scopeOf(i: Invocation, before: SecretScope): SecretScope {
  const from = flag(i, "open") ? openScope : before;
  const part = (name: string, known: readonly string[]) =>
    i.options[name] === undefined ? known : [...new Set(listed(i, name))];
  return {
    jobs: part("job", from.jobs),
    branches: part("branch", from.branches),
    tags: part("tag", from.tags),
  };
}

async function found(client: RealmClient, name: string): Promise<SecretView | undefined> {
  try {
    return await client.secret(name);
  } catch (error) {
    if (error instanceof RealmError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** Sets a secret. */
export const set: Handler = async (i) => {
  const name = i.args[0];
  const path = text(i, "file");
  // A wrong name is told before anybody types a value.
  checkSecret(name, new Uint8Array(64));
  const value = path === undefined ? await readSecret(`Value of ${name}: `) : await readNamedBytes(path);
  checkSecret(name, value);
  const { realm } = await signingCredentials(i);
  const client = await connect(i, "write");
  const scope = scopeOf(i, (await found(client, name))?.scope ?? openScope);
  const recipients = await client.secretRecipients(scope.tags);
  const wish = await sealSecret({ name, value, scope }, realm, recipients);
  value.fill(0);
  const done = await client.command("secret.set", wish);
  print(
    i,
    { ...done, name, version: wish.version, scope },
    () =>
      `The secret ${name} is set for ${describeScope(scope)}; ${recipients.length} ${
        recipients.length === 1 ? "node" : "nodes"
      } can open it (command ${shortId(done.id)}).\n`,
  );
};

const names = (nodes: readonly { readonly name: string }[]): string => nodes.map((n) => n.name).join(" ");

/** What is to be done about a secret, for people. */
function stateOf({ exposed, waiting }: SecretView) {
  if (exposed.length > 0) {
    return { text: `set anew: known to ${names(exposed)}`, colour: "red" as const };
  }
  if (waiting.length > 0) return { text: `waits for ${names(waiting)}`, colour: "yellow" as const };
  return { text: "ok", colour: "green" as const };
}

/** All secrets. */
export const list: Handler = async (i) => {
  const client = await connect(i, "read");
  await showing(i, () => client.secrets(), (secrets) => {
    if (secrets.length === 0) return "There is no secret yet; set one with 'realm secret set NAME'.\n";
    return table(
      i.terminal,
      ["NAME", "FOR", "NODES", "SET", "STATE"],
      secrets.map((s) => [
        s.name,
        describeScope(s.scope),
        String(s.holders.length),
        `${ago(s.set_at)} ago`,
        stateOf(s),
      ]),
    );
  });
};

/** One secret. */
export const show: Handler = async (i) => {
  const client = await connect(i, "read");
  await showing(i, () => client.secret(i.args[0]), (s) =>
    facts(i.terminal, [
      ["secret", s.name],
      ["state", stateOf(s)],
      ["for jobs", s.scope.jobs.join(" ") || "all"],
      ["for branches", s.scope.branches.join(" ") || "all"],
      ["for nodes", s.scope.tags.join(" ") || "all"],
      ["can be opened by", names(s.holders) || "no node"],
      ["waits for", s.waiting.length > 0 ? names(s.waiting) : undefined],
      ...s.exposed.map((e) =>
        [
          "is known to",
          {
            text: `${e.name}, ${
              e.why === "removed" ? "which was removed" : "which it is not for any more"
            }: give it another value`,
            colour: "red",
          },
        ] as const
      ),
      ["used by runs", s.runs.length > 0 ? s.runs.join(" ") : undefined],
      ["set", `${moment(s.set_at)} UTC by ${s.by}`],
      ["version", s.version],
    ]));
};

/** Says what a secret is for. */
export const scope: Handler = async (i) => {
  const name = i.args[0];
  if (!isGiven(i)) {
    throw new UsageError("nothing is given to change: name --job, --branch or --tag, or --open");
  }
  const client = await connect(i, "write");
  const { version, scope: before } = await client.secret(name);
  const wanted = scopeOf(i, before);
  const done = await client.command("secret.scope", { name, version, scope: wanted });
  print(
    i,
    { ...done, name, scope: wanted },
    () => `The secret ${name} is for ${describeScope(wanted)} (command ${shortId(done.id)}).\n`,
  );
};

/** Removes a secret. */
export const remove: Handler = async (i) => {
  const name = i.args[0];
  const client = await connect(i, "write");
  const { runs } = await client.secret(name);
  const used = runs.length > 0 ? ` ${runs.length} runs that have not ended use it.` : "";
  if (!flag(i, "yes") && !confirm(`Remove the secret ${name}?${used}`)) return 1;
  const done = await client.command("secret.remove", { name });
  print(i, done, () => `The secret ${name} is removed (command ${shortId(done.id)}).\n`);
};
