/**
 * Every command line of Realm as plain data: help, completions, parsing and the test that no capability is missing
 * all read this table. It imports nothing, so that `realm --help` costs next to nothing.
 */
import type { Handler } from "./invocation.ts";

/** An option of a command line. */
export interface OptionSpec {
  /** Long name without dashes. */
  readonly name: string;
  readonly short?: string;
  /** Name of its value; absent for a flag. */
  readonly value?: string;
  /** May be given more than once. */
  readonly many?: boolean;
  readonly summary: string;
  /** Valid values, for completions. */
  readonly choices?: readonly string[];
}

/** A positional argument. */
export interface ArgumentSpec {
  readonly name: string;
  readonly optional?: boolean;
  readonly many?: boolean;
  /** What a shell may complete. */
  readonly kind?: "file" | "app" | "node";
}

/** One command line, such as `realm app show`. */
export interface CommandSpec {
  readonly words: readonly string[];
  readonly args: readonly ArgumentSpec[];
  readonly summary: string;
  /** Paragraphs for `--help`. */
  readonly text?: string;
  readonly options: readonly OptionSpec[];
  /** `[command line, what it does]`. */
  readonly examples: readonly (readonly [string, string])[];
  readonly load: () => Promise<Handler>;
}

/** Options of every command line. */
export const globalOptions: readonly OptionSpec[] = [
  { name: "data-dir", value: "DIR", summary: "Where this node keeps its data (REALM_DATA_DIR)" },
  { name: "connect", value: "URL", summary: "Ask the node at this API address instead of the local one" },
  { name: "key", value: "FILE", summary: "Sign with this key file instead of the one in the data directory" },
  { name: "json", summary: "Print JSON" },
  { name: "no-color", summary: "No colours (NO_COLOR)" },
  { name: "help", short: "h", summary: "Show help" },
];

const watch: OptionSpec = { name: "watch", short: "w", summary: "Show again whenever something changes" };
const tag = (summary: string): OptionSpec => ({ name: "tag", short: "t", value: "TAG", many: true, summary });
const detach: OptionSpec = { name: "detach", short: "d", summary: "Do not wait for the end" };
const timeout: OptionSpec = {
  name: "timeout",
  value: "TIME",
  summary: "Stop waiting after this (default 10m)",
};
const out: OptionSpec = { name: "out", short: "o", value: "FILE", summary: "Write to this file" };
const up: readonly OptionSpec[] = [
  { name: "name", value: "NAME", summary: "Name for people (default: the host name)" },
  { name: "tags", value: "A,B", summary: "Tags that deploys select this node by" },
  {
    name: "listen",
    value: "ADDR",
    many: true,
    summary: "Port, host:port or multiaddress for other nodes (default: any port of all interfaces)",
  },
  { name: "announce", value: "ADDR", many: true, summary: "Address that others should dial instead" },
  { name: "gateway", value: "HOST:PORT", summary: "Where apps are served (default 127.0.0.1:7480)" },
  { name: "api", value: "HOST:PORT", summary: "Where the API listens (default 127.0.0.1:7481)" },
  { name: "no-mdns", summary: "Do not look for nodes in the local network" },
  { name: "relay", summary: "Let nodes behind NAT be reached through this one" },
];

const app: ArgumentSpec = { name: "APP", kind: "app" };
const node: ArgumentSpec = { name: "NODE", kind: "node" };
const file: ArgumentSpec = { name: "FILE", kind: "file" };
const replicas: OptionSpec = {
  name: "replicas",
  short: "r",
  value: "N",
  summary: 'How many replicas, or "all" for one on each matching node (default 1)',
};
const strategy: OptionSpec = {
  name: "strategy",
  value: "NAME",
  summary: "How the new version replaces the old one: rolling (default), canary or all",
  choices: ["rolling", "canary", "all"],
};

/** All command lines, in the order of help. */
export const commands: readonly CommandSpec[] = [
  {
    words: ["init"],
    args: [],
    summary: "Create a realm: its owner key and this machine's node key",
    text:
      "The owner key is the root of everything in the realm. Keep a copy of it in a safe place: who has it owns\n" +
      "the realm, and without it nobody can grant new keys. With --passphrase the file is encrypted (scrypt, AES-GCM).",
    options: [
      { name: "passphrase", summary: "Encrypt the owner key; asks, or takes REALM_PASSPHRASE" },
      { name: "tags", value: "A,B", summary: "Tags of this node" },
    ],
    examples: [["realm init --passphrase", "a realm whose owner key is encrypted"]],
    load: async () => (await import("./init.ts")).init,
  },
  {
    words: ["up"],
    args: [],
    summary: "Run this node in the foreground",
    text:
      "Starts the agent under a supervisor that restarts it when it ends unexpectedly. Ctrl-C stops both.",
    options: up,
    examples: [
      ["realm up", "run this node"],
      ["realm up --tags production,eu --gateway 127.0.0.1:8080", "with tags and another gateway port"],
    ],
    load: async () => (await import("./up.ts")).up,
  },
  {
    words: ["invite"],
    args: [],
    summary: "Make a token with which other machines join",
    text:
      "Signed on this machine. The token names addresses of running nodes, asked from the local one unless given.",
    options: [
      { name: "uses", value: "N", summary: "How many machines may join with it (default 1)" },
      { name: "expires", value: "TIME", summary: "How long it is valid: 30m, 24h, 7d (default 24h)" },
      { name: "tags", value: "A,B", summary: "Tags that joining nodes get" },
      { name: "bootstrap", value: "ADDR", many: true, summary: "Multiaddress of a node to join through" },
      { name: "revoke", value: "TOKEN", summary: "Make an invite useless, by its token or id" },
    ],
    examples: [
      ["realm invite", "for one machine, today"],
      ["realm invite --uses 20 --expires 7d --tags edge", "for a fleet"],
    ],
    load: async () => (await import("./invite.ts")).invite,
  },
  {
    words: ["join"],
    args: [{ name: "TOKEN" }],
    summary: "Join a realm with this machine, then run as `realm up`",
    options: [{ name: "no-start", summary: "Only write what `realm up` needs" }, ...up],
    examples: [["realm join realm-invite-1.eyJ…", "join and run"]],
    load: async () => (await import("./up.ts")).join,
  },
  {
    words: ["status"],
    args: [],
    summary: "The realm at a glance",
    options: [watch, { name: "events", summary: "Print what happens, as it happens" }],
    examples: [["realm status --watch", "keep it on the screen"]],
    load: async () => (await import("./status.ts")).status,
  },
  {
    words: ["doctor"],
    args: [],
    summary: "What this machine can do and what is missing",
    options: [],
    examples: [],
    load: async () => (await import("./status.ts")).doctor,
  },
  {
    words: ["why"],
    args: [{ name: "ID" }],
    summary: "Why an app, node, blob or command is in the state it is in, with the nearest fix",
    options: [],
    examples: [["realm why my-app", "for example why a replica is missing"]],
    load: async () => (await import("./status.ts")).why,
  },
  {
    words: ["node", "list"],
    args: [],
    summary: "All nodes",
    options: [watch],
    examples: [],
    load: async () => (await import("./node.ts")).list,
  },
  {
    words: ["node", "show"],
    args: [node],
    summary: "One node",
    options: [],
    examples: [],
    load: async () => (await import("./node.ts")).show,
  },
  {
    words: ["node", "tag"],
    args: [node, { name: "TAG", many: true, optional: true }],
    summary: "Set a node's tags; none clears them",
    options: [],
    examples: [["realm node tag node-2 production disk=ssd", "two tags"]],
    load: async () => (await import("./node.ts")).tag,
  },
  {
    words: ["node", "cordon"],
    args: [node],
    summary: "No new work on a node",
    options: [],
    examples: [],
    load: async () => (await import("./node.ts")).cordon,
  },
  {
    words: ["node", "uncordon"],
    args: [node],
    summary: "Work again on a node",
    options: [],
    examples: [],
    load: async () => (await import("./node.ts")).uncordon,
  },
  {
    words: ["node", "drain"],
    args: [node],
    summary: "Move a node's work away and give it no new",
    options: [detach, timeout],
    examples: [],
    load: async () => (await import("./node.ts")).drain,
  },
  {
    words: ["node", "remove"],
    args: [node],
    summary: "End a node's membership; its work moves to others",
    options: [{ name: "yes", short: "y", summary: "Do not ask" }],
    examples: [],
    load: async () => (await import("./node.ts")).remove,
  },
  {
    words: ["deploy"],
    args: [{ name: "PACKAGE", kind: "file" }],
    summary: "Deploy a package: a .realm file or a directory with a manifest.toml",
    text:
      "Uploads what the realm lacks, signs one command, and follows the rollout to its end: healthy, or rolled back\n" +
      "with the reason and the failed replica's last log lines (exit code 1).",
    options: [
      { name: "name", value: "APP", summary: "Name of the app (default: the package's)" },
      tag("Only on nodes with this tag; !TAG excludes"),
      replicas,
      strategy,
      { name: "plan", summary: "Show what would change and where; change nothing" },
      detach,
      timeout,
    ],
    examples: [
      ["realm deploy my-app.realm --tag production --replicas 2", "two replicas on tagged nodes"],
      ["realm deploy ./site --replicas all --plan", "what would happen"],
    ],
    load: async () => (await import("./deploy.ts")).deploy,
  },
  {
    words: ["app", "list"],
    args: [],
    summary: "All apps",
    options: [watch],
    examples: [],
    load: async () => (await import("./app.ts")).list,
  },
  {
    words: ["app", "show"],
    args: [app],
    summary: "One app with its replicas",
    options: [watch],
    examples: [],
    load: async () => (await import("./app.ts")).show,
  },
  {
    words: ["app", "logs"],
    args: [app],
    summary: "Log lines of an app's replicas, from every node",
    options: [
      { name: "follow", short: "f", summary: "Also the lines to come" },
      { name: "tail", short: "n", value: "N", summary: "Lines of the past (default 100)" },
      { name: "since", value: "TIME", summary: "Not older than this: 10m, 2h" },
      { name: "grep", value: "TEXT", summary: "Only lines that contain this" },
    ],
    examples: [["realm app logs my-app -f", "follow"]],
    load: async () => (await import("./app.ts")).logs,
  },
  {
    words: ["app", "scale"],
    args: [app, { name: "REPLICAS" }],
    summary: 'Change the number of replicas, or "all"',
    options: [detach, timeout],
    examples: [["realm app scale my-app 3", "three replicas"]],
    load: async () => (await import("./app_change.ts")).scale,
  },
  {
    words: ["app", "rollback"],
    args: [app, { name: "VERSION", optional: true }],
    summary:
      "Return to an earlier deploy: a number or id from `app history`, or a version; default the one before",
    options: [detach, timeout],
    examples: [["realm app rollback my-app", "the deploy before this one"]],
    load: async () => (await import("./app_change.ts")).rollback,
  },
  {
    words: ["app", "history"],
    args: [app],
    summary: "Deploys and rollbacks of an app, newest first",
    options: [],
    examples: [],
    load: async () => (await import("./app.ts")).history,
  },
  {
    words: ["app", "remove"],
    args: [app],
    summary: "Stop and forget an app; its volumes stay",
    options: [
      { name: "volumes", summary: "Also delete its state volumes, for ever" },
      { name: "yes", short: "y", summary: "Do not ask" },
      detach,
      timeout,
    ],
    examples: [],
    load: async () => (await import("./app_change.ts")).remove,
  },
  {
    words: ["package", "create"],
    args: [{ name: "DIR", kind: "file" }],
    summary: "Make a .realm file from a directory",
    text: "The same content gives the same bytes on every platform.",
    options: [
      { name: "out", short: "o", value: "FILE", summary: "The file (default: NAME-VERSION.realm here)" },
      { name: "sign", summary: "Sign it with your key" },
    ],
    examples: [["realm package create ./my-app -o my-app.realm", "one file"]],
    load: async () => (await import("./package.ts")).create,
  },
  {
    words: ["package", "inspect"],
    args: [file],
    summary: "What is in a package",
    options: [],
    examples: [],
    load: async () => (await import("./package.ts")).inspect,
  },
  {
    words: ["package", "verify"],
    args: [file],
    summary: "Check every hash of a package, and its signature",
    options: [],
    examples: [],
    load: async () => (await import("./package.ts")).verify,
  },
  {
    words: ["storage", "put"],
    args: [file],
    summary: "Store a file in the realm and keep it",
    options: [
      { name: "name", value: "NAME", summary: "Name for people (default: the file's)" },
      { name: "copies", value: "N", summary: "On how many nodes (default 2)" },
      tag("Only on nodes with this tag"),
    ],
    examples: [["realm storage put backup.tar --copies 3", "three copies"]],
    load: async () => (await import("./storage.ts")).put,
  },
  {
    words: ["storage", "get"],
    args: [{ name: "BLOB" }],
    summary: "Fetch a blob by name or digest, verified",
    options: [out],
    examples: [["realm storage get backup.tar -o backup.tar", "to a file"]],
    load: async () => (await import("./storage.ts")).get,
  },
  {
    words: ["storage", "list"],
    args: [],
    summary: "Blobs that the node knows",
    options: [],
    examples: [],
    load: async () => (await import("./storage.ts")).list,
  },
  {
    words: ["storage", "show"],
    args: [{ name: "BLOB" }],
    summary: "One blob: holders, references, pin",
    options: [],
    examples: [],
    load: async () => (await import("./storage.ts")).show,
  },
  {
    words: ["storage", "pin"],
    args: [{ name: "BLOB" }],
    summary: "Promise to keep a blob",
    options: [
      { name: "name", value: "NAME", summary: "Name for people" },
      { name: "copies", value: "N", summary: "On how many nodes (default 2)" },
      tag("Only on nodes with this tag"),
    ],
    examples: [],
    load: async () => (await import("./storage.ts")).pin,
  },
  {
    words: ["storage", "unpin"],
    args: [{ name: "BLOB" }],
    summary: "End the promise to keep a blob",
    options: [],
    examples: [],
    load: async () => (await import("./storage.ts")).unpin,
  },
  {
    words: ["apply"],
    args: [{ name: "FILE", kind: "file", many: true }],
    summary: "Apply TOML manifests: [app], [node], [key], [pin]",
    text: "A manifest with an unknown key or a wrong value is refused whole, with file, line and key.",
    options: [{ name: "plan", summary: "Show what would change; change nothing" }, detach, timeout],
    examples: [["realm apply realm.toml --plan", "what would change"]],
    load: async () => (await import("./apply.ts")).apply,
  },
  {
    words: ["key", "show"],
    args: [],
    summary: "Keys that hold a role, and the keys on this machine",
    options: [],
    examples: [],
    load: async () => (await import("./key.ts")).show,
  },
  {
    words: ["key", "create"],
    args: [],
    summary: "Make an operator key on this machine; an admin then grants it a role",
    options: [
      { name: "out", short: "o", value: "FILE", summary: "The key file (default: in the data directory)" },
      { name: "passphrase", summary: "Encrypt it; asks, or takes REALM_PASSPHRASE" },
    ],
    examples: [],
    load: async () => (await import("./key.ts")).create,
  },
  {
    words: ["key", "grant"],
    args: [{ name: "KEY" }],
    summary: "Grant a role to a key until a date",
    text: "Writes the grant to a file: put it next to the key file, as NAME.grants.json beside NAME.key.",
    options: [
      {
        name: "role",
        value: "ROLE",
        summary: "viewer, operator (default) or admin",
        choices: ["viewer", "operator", "admin"],
      },
      { name: "expires", value: "TIME", summary: "How long it is valid (default 90d)" },
      { name: "name", value: "NAME", summary: "Name for people" },
      out,
    ],
    examples: [["realm key grant z6Mk… --role operator --expires 90d", "a deployer for three months"]],
    load: async () => (await import("./key.ts")).grant,
  },
  {
    words: ["key", "revoke"],
    args: [{ name: "KEY" }],
    summary: "Revoke a key from now on",
    options: [],
    examples: [],
    load: async () => (await import("./key.ts")).revoke,
  },
  {
    words: ["key", "export"],
    args: [{ name: "KIND" }],
    summary: "Copy a private key file of this machine: owner, operator or node",
    options: [out, { name: "passphrase", summary: "Encrypt the copy; asks, or takes REALM_PASSPHRASE" }],
    examples: [["realm key export owner --passphrase -o owner.key", "an encrypted copy for the safe"]],
    load: async () => (await import("./key.ts")).exportKey,
  },
  {
    words: ["audit", "list"],
    args: [],
    summary: "Who did what, newest first",
    options: [
      { name: "since", value: "TIME", summary: "Not older than this: 1h, 7d" },
      { name: "actor", value: "KEY", summary: "Only by this key or node" },
      { name: "action", value: "NAME", summary: "Only this action" },
      { name: "target", value: "ID", summary: "Only on this" },
      { name: "limit", short: "n", value: "N", summary: "Entries at most (default 100)" },
    ],
    examples: [],
    load: async () => (await import("./audit.ts")).list,
  },
  {
    words: ["audit", "verify"],
    args: [],
    summary: "Check the audit chain of the node",
    options: [],
    examples: [],
    load: async () => (await import("./audit.ts")).verify,
  },
  {
    words: ["audit", "export"],
    args: [],
    summary: "All entries as JSON lines",
    options: [out],
    examples: [],
    load: async () => (await import("./audit.ts")).exportAudit,
  },
  {
    words: ["completions"],
    args: [{ name: "SHELL" }],
    summary: "Print completions for bash, zsh, fish or powershell",
    options: [],
    examples: [["realm completions bash > /etc/bash_completion.d/realm", "for all users"]],
    load: async () => (await import("./completions.ts")).completions,
  },
];

/** The command line that `words` start with: the longest that fits. */
export function findCommand(words: readonly string[]): CommandSpec | undefined {
  return commands.find((c) => c.words.length === 2 && c.words[0] === words[0] && c.words[1] === words[1]) ??
    commands.find((c) => c.words.length === 1 && c.words[0] === words[0]);
}

/** Nouns that have verbs. */
export const nouns: readonly string[] = [
  ...new Set(commands.filter((c) => c.words.length === 2).map((c) => c.words[0])),
];
