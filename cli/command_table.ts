/**
 * Every command line of Realm: help, completions, parsing and the test that no capability is missing all read this
 * table. It is plain data and loads nothing, so that `realm --help` costs next to nothing.
 */
import type { CommandSpec } from "./command_spec.ts";
import { jobCommands } from "./job_commands.ts";
import { policyCommands } from "./policy_commands.ts";
import { realmCommands } from "./realm_commands.ts";
import { secretCommands } from "./secret_commands.ts";
import { serviceCommands } from "./service_commands.ts";
import { trustCommands } from "./trust_commands.ts";
import { upgradeCommands } from "./upgrade_commands.ts";
import { workCommands } from "./work_commands.ts";

export { type CommandSpec, globalOptions, type OptionSpec } from "./command_spec.ts";

/** All command lines, in the order of help. */
export const commands: readonly CommandSpec[] = [
  ...realmCommands,
  ...jobCommands,
  ...workCommands,
  ...upgradeCommands,
  ...serviceCommands,
  ...policyCommands,
  ...secretCommands,
  ...trustCommands,
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
