/** `realm node …`. */
import {
  type ConnectionView,
  type NodeView,
  type RealmClient,
  RealmError,
  shortId,
  type SubmittedView,
} from "../mod.ts";
import { connect } from "./connection.ts";
import { ago, bytes, type Cell, facts, moment, plain, print, stateCell, table } from "./display.ts";
import { duration, flag, type Handler, type Invocation } from "./invocation.ts";
import { confirm } from "./passphrase.ts";
import { until } from "./following.ts";
import { show as showing } from "./watching.ts";

const MB = 1024 * 1024;

function row(n: NodeView): readonly Cell[] {
  const scheduling: Cell = n.scheduling === "open" ? "open" : { text: n.scheduling, colour: "yellow" };
  return [
    n.self ? `${n.name} *` : n.name,
    shortId(n.id),
    stateCell(n.state),
    scheduling,
    n.info?.platform ?? "",
    n.info ? `${n.info.cpu_cores}` : "",
    n.info ? `${bytes(n.reserved_mb * MB)} / ${bytes(n.info.memory_mb * MB)}` : "",
    String(n.replicas),
    n.info?.version ?? "",
    n.tags.join(" "),
  ];
}
const HEAD = ["NAME", "ID", "STATE", "WORK", "PLATFORM", "CPUS", "MEMORY", "REPLICAS", "VERSION", "TAGS"];

/** All nodes. */
export const list: Handler = async (i) => {
  const client = await connect(i, "read");
  await showing(i, () => client.nodes(), (nodes) => table(i.terminal, HEAD, nodes.map(row)));
};

const connectionRow = (c: ConnectionView): readonly Cell[] => [
  c.name,
  shortId(c.node),
  c.rtt_ms === undefined ? { text: "no answer", colour: "yellow" } : `${c.rtt_ms} ms`,
  c.direction,
  ago(c.since),
  c.address,
];

/** What the node says of its connections; a node that does not answer leaves the rest to be shown. */
async function connectionsOf(
  client: RealmClient,
  n: NodeView,
): Promise<readonly ConnectionView[] | RealmError> {
  try {
    return await client.connections(n.id);
  } catch (error) {
    if (error instanceof RealmError) return error;
    throw error;
  }
}

/** One node. */
export const show: Handler = async (i) => {
  const client = await connect(i, "read");
  const n = await client.node(i.args[0]);
  const connections = await connectionsOf(client, n);
  const silent = connections instanceof RealmError;
  const more = silent ? { connections: null, problem: connections.message } : { connections };
  print(i, { ...n, ...more }, () =>
    facts(i.terminal, [
      ["name", n.name],
      ["id", n.id],
      ["state", stateCell(n.state)],
      ["work", n.scheduling],
      ["tags", n.tags.join(" ") || "none"],
      ["joined", `${moment(n.joined_at)} UTC`],
      ["replicas", `${n.replicas}, ${bytes(n.reserved_mb * MB)} reserved`],
      ["platform", n.info?.platform],
      ["version", n.info?.version],
      ["up for", n.info && ago(n.info.started_at)],
      [
        "capacity",
        n.info &&
        `${n.info.cpu_cores} CPUs, ${bytes(n.info.memory_mb * MB)} memory, ${
          bytes(n.info.disk_mb * MB)
        } disk free`,
      ],
      ["runtimes", n.info && (n.info.runtimes.join(" ") || "none")],
      ["gateway", n.info?.gateway],
      ["api", n.info?.api],
      [
        "connection",
        n.connection &&
        `${n.connection.address}${n.connection.rtt_ms !== undefined ? `, ${n.connection.rtt_ms} ms` : ""}`,
      ],
    ]) + (n.info ? `addresses\n${n.info.addresses.map((a) => `  ${plain(a)}\n`).join("")}` : "") +
    (silent
      ? `\nits connections are not known: ${plain(connections.message)}\n`
      : connections.length === 0
      ? "\nno connections\n"
      : `\n${
        table(
          i.terminal,
          ["PEER", "ID", "ROUND TRIP", "DIRECTION", "FOR", "ADDRESS"],
          connections.map(connectionRow),
        )
      }`));
};

/** The node that a person means by a name, short id or id; a name that two nodes have is refused. */
export async function nodeNamed(client: RealmClient, name: string): Promise<NodeView> {
  const same = (await client.nodes()).filter((n) => n.name === name && n.state !== "removed");
  if (same.length > 1) {
    throw new RealmError(
      "conflict",
      `${same.length} nodes are called ${name}; use an id: ${same.map((n) => shortId(n.id)).join(", ")}`,
    );
  }
  return same[0] ?? await client.node(name);
}

const submitted = (i: Invocation, done: SubmittedView, sentence: string): void =>
  print(i, done, () => `${sentence} (command ${shortId(done.id)}).\n`);

/** Sets the tags. */
export const tag: Handler = async (i) => {
  const client = await connect(i, "write");
  const node = await nodeNamed(client, i.args[0]);
  const tags = i.args.slice(1);
  const done = await client.command("node.tag", { node: node.id, tags });
  submitted(i, done, `${node.name} has ${tags.length === 0 ? "no tags" : `the tags ${tags.join(" ")}`}`);
};

/** No new work. */
export const cordon: Handler = async (i) => {
  const client = await connect(i, "write");
  const node = await nodeNamed(client, i.args[0]);
  submitted(i, await client.command("node.cordon", { node: node.id }), `${node.name} takes no new work`);
};

/** Work again. */
export const uncordon: Handler = async (i) => {
  const client = await connect(i, "write");
  const node = await nodeNamed(client, i.args[0]);
  submitted(i, await client.command("node.uncordon", { node: node.id }), `${node.name} takes work again`);
};

/** Moves the work away and waits until it is gone. */
export const drain: Handler = async (i) => {
  const client = await connect(i, "write");
  const node = await nodeNamed(client, i.args[0]);
  const done = await client.command("node.drain", { node: node.id });
  submitted(i, done, `${node.name} is being drained`);
  if (flag(i, "detach")) return;
  await until(
    duration(i, "timeout", 600_000),
    `${node.name} still has work; see 'realm node show ${node.name}'`,
    async () => {
      const apps = await client.apps();
      const there = apps.filter((a) => a.replicas.some((r) => r.node === node.id && r.state !== "stopped"));
      return there.length === 0;
    },
  );
  if (!flag(i, "json")) i.terminal.out(`${node.name} is empty.\n`);
};

/** Ends the membership. */
export const remove: Handler = async (i) => {
  const client = await connect(i, "write");
  const node = await nodeNamed(client, i.args[0]);
  if (!flag(i, "yes") && !confirm(`Remove ${node.name} (${shortId(node.id)}) from the realm for ever?`)) {
    return 1;
  }
  // Not worth failing for: 'realm status' tells it too.
  const secrets = await client.secrets().catch(() => []);
  const known = secrets.filter((s) => s.holders.some((h) => h.node === node.id));
  submitted(i, await client.command("node.remove", { node: node.id }), `${node.name} is no member any more`);
  if (known.length === 0) return;
  i.terminal.err(
    `It knows ${known.length === 1 ? "the secret" : "the secrets"} ${
      known.map((s) => s.name).join(", ")
    }: give each another value, as by 'realm secret set ${known[0].name}'.\n`,
  );
};
