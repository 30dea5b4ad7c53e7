/** Jobs that take a git repository: fetched by the agent, executed without any network, again with the same commit. */
import assert from "node:assert/strict";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { nativeJob } from "../job_manifests.ts";
import { commit, hasGit, repository, serveGit } from "../git_bed.ts";
import type { RunView } from "../../mod.ts";

const ready = Deno.build.os === "linux" && await hasGit();
const test = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, fn, ignore: !ready, sanitizeOps: false, sanitizeResources: false });

const SOURCE = {
  "main.c": '#include <stdio.h>\nint main(void) { puts("hello from " VERSION); return 0; }\n',
  "Makefile": "app: main.c\n\tcc -DVERSION='\"one\"' -o app main.c\ntest: app\n\t./app | grep hello\n",
  "check.sh": "#!/bin/sh\nmake test\n",
};
const manifest = (input: string, step: string, more = "") =>
  nativeJob("build", step, `[execution]\nworking_dir = "/src"\n[data]\ninputs = [${input}]\n${more}`);
const ended = (node: ClusterNode, cluster: Cluster, run: string): Promise<RunView> =>
  eventually(`${run} ends`, async () => {
    const view = await cluster.client(node).run(run);
    return view.ended_at !== undefined && view;
  }, 60_000);

test("a repository is cloned, built and tested without network; a rerun takes the same commit although the branch moved", async () => {
  await using cluster = await Cluster.start({ nodes: 2 });
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const first = await repository(`${cluster.root}/repos/app`, SOURCE);
  await using server = serveGit(`${cluster.root}/repos`);
  const path = `${cluster.root}/build.toml`;
  await Deno.writeTextFile(
    path,
    manifest(
      `{ git = "${server.url}/app", ref = "main", mount = "/src" }`,
      "./check.sh && git -c safe.directory=* rev-parse HEAD && cp app /out/app",
      'outputs = [{ path = "/out/", name = "out" }]\n',
    ),
  );
  const ran = await cluster.run(["job", "submit", path]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /hello from one/);
  assert.match(ran.stdout, new RegExp(first));
  const view = await cluster.client(cluster.nodes[0]).run("build");
  assert.deepEqual(view.commits, { "/src": first });
  assert.match(await cluster.realm("job", "status", "build"), new RegExp(`/src ${first}`));
  assert.equal(
    (await cluster.run(["job", "artifacts", "build", "out", "-o", `${cluster.root}/out.tar`])).code,
    0,
  );
  await new Deno.Command("tar", { args: ["xf", "out.tar"], cwd: cluster.root }).output();
  const { stdout } = await new Deno.Command(`${cluster.root}/app`).output();
  assert.equal(new TextDecoder().decode(stdout), "hello from one\n");
  const second = await commit(`${cluster.root}/repos/app`, {
    "Makefile": SOURCE.Makefile.replace("one", "two"),
  });
  const again = await cluster.run(["job", "rerun", view.id]);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /hello from one/);
  const anew = await cluster.run(["job", "submit", path]);
  assert.match(anew.stdout, /hello from two/);
  assert.match(anew.stdout, new RegExp(second));
});

test("what cannot be fetched ends the run and is named; paths of the node wait for policy, and addresses that are tricks are refused at once", async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  const [node] = cluster.nodes;
  await cluster.realm("policy", "set", "allow_native_execution=true");
  await repository(`${cluster.root}/repos/app`, SOURCE);
  await using server = serveGit(`${cluster.root}/repos`);
  const path = `${cluster.root}/build.toml`;
  const submit = async (input: string) => {
    await Deno.writeTextFile(path, manifest(input, "ls"));
    return await cluster.run(["job", "submit", path, "--detach", "--json"]);
  };
  const runOf = async (input: string) => JSON.parse((await submit(input)).stdout).runs[0] as string;
  const none = await ended(node, cluster, await runOf(`{ git = "${server.url}/nope", mount = "/src" }`));
  assert.match(
    none.reason!,
    /the input \/src cannot be fetched: repository 'http:\/\/127.0.0.1:\d+\/nope\/' not found/,
  );
  const branch = await ended(
    node,
    cluster,
    await runOf(`{ git = "${server.url}/app", ref = "nope", mount = "/src" }`),
  );
  assert.match(branch.reason!, /the input \/src cannot be fetched: .* has no branch or tag nope/);
  const local = await runOf(`{ git = "${cluster.root}/repos/app", mount = "/src" }`);
  const why = await cluster.client(node).why(local);
  assert.match(why.nodes[0].reasons.join(), /its policy native_read = \(none\) refuses it/);
  assert.equal(why.fix, `realm policy set native_read=${cluster.root}/repos/app --node n0`);
  await cluster.realm(...why.fix!.split(" ").slice(1));
  assert.equal((await ended(node, cluster, local)).state, "succeeded");
  for (
    const trick of [
      "ext::sh -c true",
      "--upload-pack=true",
      "file:///etc",
      "https://x/../y",
      "https://a:b@x/y",
    ]
  ) {
    const refused = await submit(`{ git = ${JSON.stringify(trick)}, mount = "/src" }`);
    assert.equal(refused.code, 2, trick);
    assert.match(refused.stderr, /build.toml:\d+/);
  }
  const ref = await submit(`{ git = "${server.url}/app", ref = "--upload-pack=x", mount = "/src" }`);
  assert.match(ref.stderr, /begins like an option/);
});

test("a node without git is passed over, which 'why' tells", async () => {
  const tools = await Deno.makeTempDir();
  const before = Deno.env.get("PATH")!;
  try {
    Deno.env.set("PATH", tools);
    await using cluster = await Cluster.start({ nodes: 1 });
    Deno.env.set("PATH", before);
    const path = `${cluster.root}/build.toml`;
    await Deno.writeTextFile(path, manifest('{ git = "github.com/user/repo", mount = "/src" }', "ls"));
    const { runs: [run] } = JSON.parse(
      (await cluster.run(["job", "submit", path, "--detach", "--json"])).stdout,
    );
    const why = await eventually("the reason is known", async () => {
      const view = await cluster.client(cluster.nodes[0]).why(run);
      return view.nodes.length === 1 && view;
    });
    assert.ok(
      why.nodes[0].reasons.some((r) => r.includes("git is not installed there")),
      why.nodes[0].reasons.join(),
    );
  } finally {
    Deno.env.set("PATH", before);
    await Deno.remove(tools, { recursive: true });
  }
});

test("a private repository is opened by a secret, which neither log nor checkout shows", async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  const [node] = cluster.nodes;
  await cluster.realm("policy", "set", "allow_native_execution=true");
  await repository(`${cluster.root}/repos/app`, SOURCE);
  await using server = serveGit(`${cluster.root}/repos`, { password: "git:t0p-s3cret-token" });
  await Deno.writeTextFile(`${cluster.root}/token`, "t0p-s3cret-token");
  await cluster.realm("secret", "set", "forge", "--file", `${cluster.root}/token`);
  const path = `${cluster.root}/build.toml`;
  const step = "if grep -rqs t0p-s3cret .git /tmp || env | grep -q t0p; then echo seen; fi; ls";
  await Deno.writeTextFile(
    path,
    manifest(`{ git = "${server.url}/app", credential = "forge", mount = "/src" }`, step),
  );
  const ran = await cluster.run(["job", "submit", path]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stdout, "Makefile\ncheck.sh\nmain.c\n");
  await Deno.writeTextFile(path, manifest(`{ git = "${server.url}/app", mount = "/src" }`, "ls"));
  const { runs: [run] } = JSON.parse(
    (await cluster.run(["job", "submit", path, "--detach", "--json"])).stdout,
  );
  assert.equal((await ended(node, cluster, run)).state, "failed");
});
