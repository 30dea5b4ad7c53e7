/** Command lines: upgrades of the fleet's executable. */
import { type CommandSpec, detach, timeout, watch } from "./command_spec.ts";

const which = { name: "UPGRADE", optional: true } as const;

/** See the module's text. */
export const upgradeCommands: readonly CommandSpec[] = [
  {
    words: ["upgrade"],
    args: [{ name: "FILE", kind: "file", optional: true, many: true }],
    summary: "Bring the fleet to a release: executables, or the directory that a build made",
    text:
      "Reads the platform from each file's header, signs a release (or takes the release.signed.json beside the\n" +
      "files), uploads what the realm lacks, and follows the rollout: canaries first, then batches. A node keeps the\n" +
      "new version when it is well, another member has acknowledged it, and its probation is over; else it returns to\n" +
      "the old one, and the rollout stops with the reason (exit code 1). Nodes that are off get it when they return.",
    options: [
      { name: "all-platforms", value: "DIR", summary: "All executables of a release in this directory" },
      {
        name: "platform",
        value: "NAME",
        summary: "The file is for this platform, as linux/arm64; else it is refused",
      },
      { name: "version", value: "VERSION", summary: "Version of files that do not say it themselves" },
      { name: "plan", summary: "Show which nodes would change and in which order; change nothing" },
      {
        name: "canary",
        value: "N|NODE",
        many: true,
        summary: "So many canaries per platform (default 1), or these nodes",
      },
      { name: "batch", value: "N", summary: "Nodes that change at once afterwards (default 2)" },
      { name: "probation", value: "TIME", summary: "A node must be well for so long (default 20s)" },
      { name: "deadline", value: "TIME", summary: "Without that it returns after so long (default 60s)" },
      { name: "drain", value: "TIME", summary: "Jobs of a node get so long to end before (default 5m)" },
      { name: "expires", value: "TIME", summary: "The signature is good for so long (default 30d)" },
      { name: "allow-downgrade", summary: "Also where a later version runs" },
      detach,
      timeout,
    ],
    examples: [
      ["realm upgrade --all-platforms ./dist", "every node, by its own platform"],
      ["realm upgrade --platform linux/amd64 ./realm-linux --canary n2 --batch 4", "one platform, n2 first"],
      ["realm upgrade ./dist --plan", "what would happen"],
    ],
    load: async () => (await import("./upgrade.ts")).upgrade,
  },
  {
    words: ["upgrade", "status"],
    args: [which],
    summary: "The current upgrade, or another, node by node",
    options: [watch],
    examples: [["realm upgrade status -w", "follow it"]],
    load: async () => (await import("./upgrade_change.ts")).status,
  },
  {
    words: ["upgrade", "abort"],
    args: [],
    summary: "Stop the current upgrade where it is; nodes that have changed stay so",
    options: [],
    examples: [],
    load: async () => (await import("./upgrade_change.ts")).abort,
  },
  {
    words: ["upgrade", "resume"],
    args: [],
    summary: "Let an upgrade that was aborted or stopped go on",
    options: [
      { name: "retry", summary: "Also where it failed, in spite of the quarantine: the cause was mended" },
      detach,
      timeout,
    ],
    examples: [["realm upgrade resume --retry", "the network was the cause"]],
    load: async () => (await import("./upgrade_change.ts")).resume,
  },
  {
    words: ["upgrade", "history"],
    args: [],
    summary: "Upgrades of the fleet, newest first",
    options: [],
    examples: [],
    load: async () => (await import("./upgrade_change.ts")).history,
  },
];
