/** Command lines: secrets. */
import type { CommandSpec, OptionSpec } from "./command_spec.ts";

const scope: readonly OptionSpec[] = [
  { name: "job", value: "NAME", many: true, summary: "Only for jobs of this name or pattern (deploy-*)" },
  {
    name: "branch",
    value: "NAME",
    many: true,
    summary: "Only for runs made of this branch or pattern (release/*)",
  },
  {
    name: "tag",
    short: "t",
    value: "TAG",
    many: true,
    summary: "Only on nodes with this tag, or without it (!TAG)",
  },
  { name: "open", summary: "Begin with no limits, instead of those that it has" },
];

const PATTERNS = "In patterns * stands for any text without /, and ** for any text.";

/** See the module's text. */
export const secretCommands: readonly CommandSpec[] = [
  {
    words: ["secret", "set"],
    args: [{ name: "NAME" }],
    isPrivate: true,
    summary: "Set a secret, or give it another value; asks for it, or reads stdin or a file",
    text:
      `The value is encrypted on this machine, for the nodes that are to have it; no API sees it.\n${PATTERNS}\n` +
      "Of nodes only tags count that the realm gave ('realm node tag', invites). A line end at the end of stdin\n" +
      "does not belong to the value; a file is taken as it is. Limits that are not given stay as they are.",
    options: [{ name: "file", value: "FILE", summary: "Take the value from this file" }, ...scope],
    examples: [
      ["realm secret set deploy-token --job deploy-* --tag deploy", "asks; for some jobs, on some nodes"],
      ["realm secret set ssh-key --file id_ed25519", "the content of a file"],
    ],
    load: async () => (await import("./secret.ts")).set,
  },
  {
    words: ["secret", "list"],
    args: [],
    summary: "Secrets, what they are for and who can open them; never their values",
    options: [],
    examples: [],
    load: async () => (await import("./secret.ts")).list,
  },
  {
    words: ["secret", "show"],
    args: [{ name: "NAME" }],
    summary: "One secret, without its value",
    options: [],
    examples: [],
    load: async () => (await import("./secret.ts")).show,
  },
  {
    words: ["secret", "scope"],
    args: [{ name: "NAME" }],
    summary: "Say which jobs, branches and nodes a secret is for; its value stays",
    text: `${PATTERNS}\n` +
      "A node that had the secret and is not to have it any more still knows the value: set another one.",
    options: scope,
    examples: [
      ["realm secret scope deploy-token --job deploy-* --job release", "these jobs; the rest stays"],
      ["realm secret scope deploy-token --open", "every job, branch and node"],
    ],
    load: async () => (await import("./secret.ts")).scope,
  },
  {
    words: ["secret", "remove"],
    args: [{ name: "NAME" }],
    summary: "Remove a secret: no run gets it any more",
    options: [{ name: "yes", short: "y", summary: "Do not ask" }],
    examples: [],
    load: async () => (await import("./secret.ts")).remove,
  },
];
