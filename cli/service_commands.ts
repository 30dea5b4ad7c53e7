/** Command lines: the node as a service of the system. */
import { type CommandSpec, up } from "./command_spec.ts";

/** See the module's text. */
export const serviceCommands: readonly CommandSpec[] = [
  {
    words: ["service", "install"],
    args: [],
    summary: "Run this node whenever the machine starts: systemd, launchd, or the Windows task scheduler",
    text:
      "As root a service of the machine, hardened; else one of this user. Takes the options of 'realm up'.\n" +
      "Only systemd's has been tried; the others are written by their documentation.",
    options: [
      { name: "print", summary: "Show the definition; change nothing" },
      { name: "run-as", value: "USER", summary: "User of a machine's service (default root)" },
      ...up,
    ],
    examples: [
      ["realm service install --tags edge", "install and start"],
      ["realm service install --print", "what would be installed"],
    ],
    load: async () => (await import("./service.ts")).install,
  },
  {
    words: ["service", "uninstall"],
    args: [],
    summary: "Stop the service and take its definition away; the node's data stays",
    options: [],
    examples: [],
    load: async () => (await import("./service.ts")).uninstall,
  },
  {
    words: ["service", "status"],
    args: [],
    summary: "Whether the service is installed and runs (exit code 1 when not)",
    options: [],
    examples: [],
    load: async () => (await import("./service.ts")).status,
  },
];
