/** Command lines: keys, audit, and the shell. */
import { type CommandSpec, out } from "./command_spec.ts";

/** See the module's text. */
export const trustCommands: readonly CommandSpec[] = [
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
