/** Command lines: the realm itself and its nodes. */
import { type CommandSpec, detach, node, stretch, timeout, up, watch } from "./command_spec.ts";

/** See the module's text. */
export const realmCommands: readonly CommandSpec[] = [
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
    text:
      "Asks the members that the token names for two minutes when none answers, then ends with the reason.",
    options: [{ name: "no-start", summary: "Only write what `realm up` needs" }, ...up],
    examples: [["realm join realm-invite-1.eyJ…", "join and run"]],
    load: async () => (await import("./join.ts")).join,
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
    words: ["events"],
    args: [],
    summary: "What happened in the realm, as the node noticed it",
    options: [
      { name: "follow", short: "f", summary: "Also what is to come" },
      { name: "limit", value: "N", summary: "Events of the past (default 50)" },
    ],
    examples: [["realm events -f", "follow"]],
    load: async () => (await import("./monitor.ts")).events,
  },
  {
    words: ["metrics"],
    args: [],
    summary: "Counters of the node as Prometheus text",
    text:
      "The same as GET /metrics of the API, which needs a session. For Prometheus without one, write it to a file\n" +
      "that the node exporter's textfile collector reads.",
    options: [],
    examples: [["realm metrics", "the counters now"]],
    load: async () => (await import("./monitor.ts")).metrics,
  },
  {
    words: ["dashboard"],
    args: [],
    summary: "Print a link that opens the dashboard, signed in with a short-lived key",
    text:
      "A fresh key is granted a role by this machine's owner or operator key and put behind the '#' of the link, which\n" +
      "browsers never send. Who has the link has that role until it expires: treat it as a password.",
    options: [
      {
        name: "role",
        value: "ROLE",
        summary: "viewer, operator or admin (default: admin, or what the granting key has)",
        choices: ["viewer", "operator", "admin"],
      },
      { name: "expires", value: "TIME", summary: "How long it is valid (default and at most 12h)" },
    ],
    examples: [["realm dashboard", "for you"], [
      "realm dashboard --role viewer --expires 1h",
      "to look only",
    ]],
    load: async () => (await import("./dashboard.ts")).dashboard,
  },
  {
    words: ["doctor"],
    args: [],
    summary: "What this machine can do and what is missing",
    options: [{
      name: "rebuild",
      summary: "Derive everything anew from the node's records, and say whether that changed anything",
    }],
    examples: [["realm doctor", "look"], ["realm doctor --rebuild", "when a node shows what others do not"]],
    load: async () => (await import("./status.ts")).doctor,
  },
  {
    words: ["why"],
    args: [{ name: "ID" }],
    summary: "Why an app, run, node, blob or command is in the state it is in, with the nearest fix",
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
    summary: "One node, with its connections and round trips",
    options: [],
    examples: [],
    load: async () => (await import("./node.ts")).show,
  },
  {
    words: ["node", "metrics"],
    args: [node],
    summary: "Processors, memory, disk, requests of a node over time",
    options: [watch, ...stretch],
    examples: [["realm node metrics node-2 --last 6h", "the last six hours"]],
    load: async () => (await import("./monitor.ts")).nodeMetrics,
  },
  {
    words: ["node", "diagnose"],
    args: [node],
    summary: "What a node can do and what is missing there: 'realm doctor' of that node",
    options: [],
    examples: [],
    load: async () => (await import("./monitor.ts")).diagnose,
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
];
