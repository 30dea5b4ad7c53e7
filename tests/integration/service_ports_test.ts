/** Services that wish for one port on one node: each has its own, whether they listen yet or their agent was killed. */
import assert from "node:assert/strict";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { linuxTest, perlServer, perlService } from "../native_jobs.ts";

const PORT = 18_190;

/** Submits a service that tells its port and listens there once it may. */
async function submit(cluster: Cluster, name: string): Promise<void> {
  const waits =
    `$| = 1;\nprint "was given $ENV{PORT}\\n";\nselect(undef, undef, undef, 0.05) until -e "go";\n`;
  await Deno.writeTextFile(`${cluster.root}/${name}.pl`, waits + perlServer(name));
  const path = `${cluster.root}/${name}.toml`;
  await Deno.writeTextFile(path, perlService(name, PORT, `${name}.pl`));
  await cluster.realm("job", "submit", path, "--detach");
}

/** The port that the program of a service was given. */
const portOf = (cluster: Cluster, node: ClusterNode, name: string): Promise<number> =>
  eventually(`${name} was given a port`, async () => {
    for await (const { text } of cluster.client(node).logs(name)) {
      const port = /^was given (\d+)$/.exec(text)?.[1];
      if (port) return Number(port);
    }
  }, 40_000);

/** Lets a service listen; once it is healthy, gives how often it was started again. */
async function restartsOf(cluster: Cluster, node: ClusterNode, name: string): Promise<number> {
  const [{ id }] = (await cluster.client(node).app(name)).replicas;
  await Deno.writeTextFile(`${node.dataDir}/work/services/${id}/files/app/go`, "");
  return await eventually(`${name} is healthy`, async () => {
    const [replica] = (await cluster.client(node).app(name)).replicas;
    return replica.state === "healthy" && { restarts: replica.restarts };
  }, 40_000).then((r) => r.restarts);
}

linuxTest(
  "services that wish for one port and start at once get different ones; also beside one taken over",
  async () => {
    await using cluster = await Cluster.start({ nodes: 1 });
    const [node] = cluster.nodes;
    await cluster.realm("policy", "set", "allow_native_execution=true");
    for (const name of ["one", "two"]) await submit(cluster, name);
    const [one, two] = await Promise.all(["one", "two"].map((name) => portOf(cluster, node, name)));
    assert.notEqual(one, two);
    assert.ok([one, two].includes(PORT), "the first one has what it wished");

    // Neither listens yet when their agent is killed: the next one must not give their ports away.
    await cluster.killAgent(node);
    await submit(cluster, "three");
    const three = await portOf(cluster, node, "three");
    assert.ok(![one, two].includes(three), `${three} belongs to another`);
    for (const name of ["one", "two", "three"]) assert.equal(await restartsOf(cluster, node, name), 0, name);
  },
);
