/** What a service is given: repositories, secrets and standard input, also over kills of its agent. */
import assert from "node:assert/strict";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { commit, hasGit, repository, serveGit } from "../git_bed.ts";
import { linuxTest, perlServer } from "../native_jobs.ts";

const server = (version: string) =>
  perlServer(
    `${version} $ENV{REALM_REPLICA} $seen`,
    `open(my $f, "<", $ENV{KEY}) or die "no key: $!";
my $key = <$f>;
my $in = <STDIN>;
my $seen = join(",", length($ENV{TOKEN}), substr($key, 0, 4), $in);
print "token $ENV{TOKEN}\\nkey $key\\n";
$| = 1;
print "part $_\\n" for split(/(?<=r)/, $ENV{TOKEN});`,
  );

const manifest = (url: string) =>
  `[job]
name = "api"
type = "service"
[runtime]
type = "native"
memory_mb = 64
[execution]
command = ["/usr/bin/perl", "server.pl"]
working_dir = "/app"
stdin = "words.txt"
[data]
inputs = [{ git = "${url}/app", ref = "main", mount = "/app" }]
[secrets]
TOKEN = { name = "token" }
KEY = { name = "key", as = "file" }
[service]
replicas = 2
ports = [{ name = "http", port = 18090, route = "api" }]
health = { http = "/", interval_seconds = 0.5, start_seconds = 20 }
restart = { backoff_seconds = 0.2, max_backoff_seconds = 1 }
`;

async function setSecret(cluster: Cluster, name: string, value: string): Promise<void> {
  await Deno.writeTextFile(`${cluster.root}/value`, value);
  await cluster.realm("secret", "set", name, "--file", `${cluster.root}/value`);
}

const ask = async (cluster: Cluster, node: ClusterNode): Promise<string> =>
  await (await cluster.fetch(node, "api")).text();

const steady = (cluster: Cluster, by: ClusterNode, replicas: number) =>
  eventually(`${replicas} replicas are healthy`, async () => {
    const app = await cluster.client(by).app("api");
    return app.phase === "steady" && app.healthy === replicas && app.replicas.length === replicas && app;
  }, 60_000);

linuxTest(
  "a service is given a repository, secrets and standard input; its replicas have one commit, its log no secret, and a killed agent goes on with it",
  async () => {
    if (!await hasGit()) return;
    await using cluster = await Cluster.start({ nodes: 1 });
    const [a] = cluster.nodes;
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const first = await repository(`${cluster.root}/repos/app`, { "server.pl": server("one") });
    await using served = serveGit(`${cluster.root}/repos`);
    const path = `${cluster.root}/api.toml`;
    await Deno.writeTextFile(path, manifest(served.url));
    await Deno.writeTextFile(`${cluster.root}/words.txt`, "hello\n");
    const refused = await cluster.run(["job", "submit", path]);
    assert.equal(refused.code, 4);
    assert.match(
      refused.stderr,
      /api uses the secret token, which is not there; set it: 'realm secret set token'/,
    );
    await setSecret(cluster, "token", "hunter22-for-all");
    await setSecret(cluster, "key", "abcd-a-long-key");
    const ran = await cluster.run(["job", "submit", path, "--timeout", "90s"]);
    assert.equal(ran.code, 0, ran.stderr);
    const app = await steady(cluster, a, 2);
    assert.deepEqual(app.commits, { "/app": first });
    assert.match(await cluster.realm("app", "show", "api"), new RegExp(`commits +/app ${first}`));
    assert.match(await ask(cluster, a), /^one api-\S+ 16,abcd,hello/);
    // The branch moves; what is made later is of the same commit all the same.
    await commit(`${cluster.root}/repos/app`, { "server.pl": server("two") });
    await cluster.realm("app", "scale", "api", "3");
    const scaled = await steady(cluster, a, 3);
    const answers = new Set<string>();
    await eventually("all three answer, as of the first commit", async () => {
      const [version, replica] = (await ask(cluster, a)).split(" ");
      assert.equal(version, "one");
      answers.add(replica);
      return answers.size === 3;
    });
    const logs = await cluster.realm("app", "logs", "api", "--tail", "1000");
    assert.match(logs, /token \*\*\*/);
    assert.match(logs, /key \*\*\*/);
    assert.ok(!/hunter22-for-all|abcd-a-long-key/.test(logs));
    assert.match(await cluster.realm("audit", "list"), /secret\.use.*token/);
    // A killed agent's next one takes its programs over: they are the same, and so is what is hidden.
    await cluster.kill(a);
    await cluster.restart(a);
    const again = await steady(cluster, a, 3);
    assert.deepEqual(again.replicas.map((r) => r.id), scaled.replicas.map((r) => r.id));
    assert.match(await ask(cluster, a), /^one api-\S+ 16,abcd,hello/);
    const count = (text: string) => text.split("token ***").length;
    const later = await cluster.realm("app", "logs", "api", "--tail", "1000");
    assert.equal(count(later), count(logs), "nothing was started again");
    // With another value they are not what they should be any more.
    await setSecret(cluster, "token", "correct-horse-battery");
    await cluster.kill(a);
    await cluster.restart(a);
    await steady(cluster, a, 3);
    await eventually(
      "it has the new value",
      async () => /^one api-\S+ 21,abcd,hello/.test(await ask(cluster, a)),
    );
    assert.ok(!/correct-horse-battery/.test(await cluster.realm("app", "logs", "api", "--tail", "1000")));
    // Its next version is of the commit that the branch is at now; a return to the first one of the first.
    const next = await cluster.run(["job", "submit", path, "--timeout", "90s"]);
    assert.equal(next.code, 0, next.stderr);
    await eventually("the second commit answers", async () => (await ask(cluster, a)).startsWith("two "));
    const back = await cluster.run(["app", "rollback", "api", "1", "--timeout", "90s"]);
    assert.equal(back.code, 0, back.stderr);
    assert.deepEqual((await steady(cluster, a, 2)).commits, { "/app": first });
    await eventually("the first commit answers", async () => (await ask(cluster, a)).startsWith("one "));
    // A branch that is not there is no reason to replace what runs.
    await Deno.writeTextFile(path, manifest(served.url).replace('"main"', '"nowhere"'));
    const lost = await cluster.run(["job", "submit", path, "--timeout", "90s"]);
    assert.equal(lost.code, 1);
    assert.match(lost.stderr, /the input \/app cannot be fetched: .*nowhere/);
    const { phase, healthy } = await cluster.client(a).app("api");
    assert.deepEqual([phase, healthy], ["rolled_back", 2]);
    await cluster.realm("app", "remove", "api", "--yes");
  },
);
