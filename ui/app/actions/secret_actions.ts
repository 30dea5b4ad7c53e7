/** What can be done with secrets. Setting one has a dialog of its own (`views/set_secret.tsx`): it holds a value. */
import type { SecretScope, SecretView } from "../../../mod.ts";
import { quote, table } from "../format.ts";
import { type Action, type Answers, type Field, wordsIn, wrongSelector } from "./action.ts";

const PATTERN = /^[A-Za-z0-9_./*+-]{1,128}$/;
const wrongPatterns = (text: string): string | undefined => {
  const bad = wordsIn(text).find((w) => !PATTERN.test(w));
  return bad === undefined ? undefined : `“${bad.slice(0, 40)}” is no name or pattern`;
};

/** What a secret is for, to be asked. */
export const scopeFields = ({ jobs, branches, tags }: SecretScope): readonly Field[] => [
  {
    name: "jobs",
    label: "Only for jobs",
    kind: "text",
    initial: jobs.join(" "),
    hint: "names or patterns such as deploy-*; empty: every job",
    wrong: wrongPatterns,
  },
  {
    name: "branches",
    label: "Only for branches",
    kind: "text",
    initial: branches.join(" "),
    hint: "names or patterns such as release/*; empty: whatever the run is made of",
    wrong: wrongPatterns,
  },
  {
    name: "tags",
    label: "Only on nodes with",
    kind: "text",
    initial: tags.join(" "),
    hint: "tags that the realm gave; !tag excludes; empty: every node",
    wrong: wrongSelector,
  },
];

/** What was answered to {@link scopeFields}. */
export const scopeIn = ({ jobs, branches, tags }: Answers): SecretScope => ({
  jobs: wordsIn(jobs),
  branches: wordsIn(branches),
  tags: wordsIn(tags),
});

/** Options of a command line for a scope. */
export const scopeWords = ({ jobs, branches, tags }: SecretScope): string =>
  [
    ...jobs.map((j) => `--job ${quote(j)}`),
    ...branches.map((b) => `--branch ${quote(b)}`),
    ...tags.map((t) => `--tag ${quote(t)}`),
  ].map((word) => ` ${word}`).join("");

/** A scope as a manifest. */
export const scopeToml = (name: string, { jobs, branches, tags }: SecretScope): string =>
  table("secret", {
    name,
    jobs: jobs.length > 0 ? jobs : undefined,
    branches: branches.length > 0 ? branches : undefined,
    tags: tags.length > 0 ? tags : undefined,
  });

/** What can be done with a secret. */
export const secretActions = (s: SecretView): Action[] => [
  {
    label: "Scope",
    icon: "tag",
    role: "admin",
    title: `What is ${s.name} for?`,
    text:
      "Its value stays. A node that has it and is not to have it any more still knows the value: give the secret another one then.",
    fields: scopeFields(s.scope),
    command: (answers) => `realm secret scope ${quote(s.name)} --open${scopeWords(scopeIn(answers))}`,
    toml: (answers) => scopeToml(s.name, scopeIn(answers)),
    run: (c, answers) =>
      c.command("secret.scope", { name: s.name, version: s.version, scope: scopeIn(answers) }),
  },
  {
    label: "Remove",
    icon: "trash",
    role: "admin",
    title: `Remove ${s.name}?`,
    text: s.runs.length > 0
      ? `No run gets it any more. Runs that have not ended use it: ${s.runs.length}; those that have not started will wait for it.`
      : "No run gets it any more; a job that uses it is refused.",
    danger: true,
    command: () => `realm secret remove ${quote(s.name)}`,
    run: (c) => c.command("secret.remove", { name: s.name }),
  },
];
