/** Rules of what nodes may run, as changes. */
import { policyChoices, type PolicyRule, policyRules, readPolicyValue, unwrap } from "../../../mod.ts";
import { quote, table } from "../format.ts";
import type { Action } from "./action.ts";

/** A node, or all of them. */
export interface PolicyPlace {
  readonly node: string;
  readonly name: string;
  /** As a command line names it. */
  readonly word: string;
}

/** The value of a rule as a text, as the command line takes it. */
export const policyText = (value: unknown): string => Array.isArray(value) ? value.join(",") : String(value);

/** What is chosen to take back what was set. */
const UNSET = "not set here";

/** Sets one rule, for a node or for all. */
export function setRule(rule: PolicyRule, present: unknown, at?: PolicyPlace): Action {
  const choices = policyChoices(rule);
  const textIn = (answer: string): string =>
    answer === UNSET ? "" : answer.trim().replaceAll(/\s*,\s*/g, ",");
  const where = at ? `on ${at.name}` : "in the whole realm";
  return {
    label: "Change",
    role: "admin",
    title: `${rule} ${where}`,
    text: `${policyRules[rule]}. ${
      at
        ? "This holds before what is set for the realm; the node's own file policy.toml can only narrow it."
        : "This holds on every node for which nothing else is set; a node's own file policy.toml can only narrow it."
    }`,
    fields: [
      choices
        ? {
          name: "value",
          label: "Value",
          kind: "choice",
          choices: [...choices, UNSET],
          initial: present === undefined ? UNSET : policyText(present),
        }
        : {
          name: "value",
          label: "Value",
          kind: "text",
          initial: present === undefined ? "" : policyText(present),
          hint: "separated by commas; empty: not set here",
          wrong: (text) => {
            const read = readPolicyValue(rule, textIn(text));
            return read.ok ? undefined : read.message;
          },
        },
    ],
    command: ({ value }) =>
      `realm policy set ${quote(`${rule}=${textIn(value)}`)}${at ? ` --node ${at.word}` : ""}`,
    toml: ({ value }) => {
      const read = readPolicyValue(rule, textIn(value));
      return !read.ok || read.value === null
        // What is not set any more has no line in a manifest.
        ? ""
        : table("policy", { node: at?.node, [rule]: read.value });
    },
    run: (c, { value }) =>
      c.command("policy.set", {
        rule,
        value: unwrap(readPolicyValue(rule, textIn(value))),
        ...(at ? { node: at.node } : {}),
      }),
  };
}
