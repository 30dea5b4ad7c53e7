/** Command lines: what nodes may run. */
import type { CommandSpec } from "./command_spec.ts";

/** See the module's text. */
export const policyCommands: readonly CommandSpec[] = [
  {
    words: ["policy", "show"],
    args: [],
    summary: "What nodes may run: the realm's rules, and what holds on each node",
    options: [],
    examples: [],
    load: async () => (await import("./policy.ts")).show,
  },
  {
    words: ["policy", "set"],
    args: [{ name: "RULE=VALUE" }],
    summary: "Set a rule for all nodes, or for one",
    text:
      "Rules: allow_native_execution (true, false), sandbox_minimum (floor, namespaced), native_network\n" +
      "(none, full), native_read (directories, separated by commas). An empty value takes back what was set.\n" +
      "A node's own file policy.toml in its data directory can only narrow what is set here.",
    options: [{ name: "node", value: "NODE", summary: "Only this node, by name or id" }],
    examples: [
      ["realm policy set allow_native_execution=true --node builder", "let jobs run programs on one machine"],
      ["realm policy set sandbox_minimum=namespaced", "everywhere in the strongest sandbox only"],
    ],
    load: async () => (await import("./policy.ts")).set,
  },
];
