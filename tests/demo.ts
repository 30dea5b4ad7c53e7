/**
 * `deno task demo`: three nodes on loopback in a temporary realm, a static site on all of them and a guest book with its
 * state on one; runs until Ctrl-C. `--check` verifies it by requests (from each gateway, after killing a node, after an
 * upgrade to version 2, after a rollback) and exits 0 or 1.
 */
import { Cluster, type ClusterNode, eventually } from "./cluster.ts";
import { provideSystemPackages } from "./provide.ts";

const check = Deno.args.includes("--check");
const root = new URL("../", import.meta.url).pathname;
const say = (text: string) => console.log(text);

async function build(example: string, version: string, out?: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      `examples/${example}/build.ts`,
      "--version",
      version,
      ...out ? ["--out", out] : [],
    ],
    cwd: root,
  }).output();
  if (!success) throw new Error(`examples/${example} cannot be built:\n${new TextDecoder().decode(stderr)}`);
  const made = new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
  return made;
}

async function text(
  cluster: Cluster,
  node: ClusterNode,
  app: string,
  path = "/",
  init?: RequestInit,
): Promise<string> {
  const response = await cluster.fetch(node, app, path, {
    redirect: "manual",
    signal: AbortSignal.timeout(15_000),
    ...init,
  });
  const body = await response.text();
  if (response.status >= 400) {
    throw new Error(`${app} at ${node.name} answered ${response.status}: ${body.slice(0, 200)}`);
  }
  return body;
}

let steps = 0;
async function verify(what: string, run: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await run();
  steps++;
  say(`  ok  ${what} (${Math.round(performance.now() - started)} ms)`);
}

async function everywhere(
  cluster: Cluster,
  nodes: readonly ClusterNode[],
  app: string,
  expected: RegExp,
): Promise<void> {
  for (const node of nodes) {
    await eventually(
      `${app} through ${node.name} shows ${expected}`,
      async () => expected.test(await text(cluster, node, app)),
      20_000,
    );
  }
}

async function verifyAll(cluster: Cluster, nextSite: string): Promise<void> {
  const [n0, n1, n2] = cluster.nodes;
  await verify(
    "the static site through every gateway",
    () => everywhere(cluster, cluster.nodes, "hello-site", /1\.0\.0/),
  );
  await verify(
    "the guest book through every gateway",
    () => everywhere(cluster, cluster.nodes, "guestbook", /<html/i),
  );
  const entry = `hello from the demo ${crypto.randomUUID().slice(0, 8)}`;
  await verify("an entry written through one gateway is read through another", async () => {
    await text(cluster, n1, "guestbook", "/api/entries", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "demo", message: entry }),
    });
    await eventually(
      "the entry is there",
      async () => (await text(cluster, n2, "guestbook", "/api/entries")).includes(entry),
    );
  });
  const home = (await cluster.client(n0).app("guestbook")).replicas[0].node_name;
  const victim = [n2, n1].find((n) => n.name !== home)!;
  await verify(`after kill -9 of ${victim.name} the others serve the site`, async () => {
    await cluster.kill(victim);
    await everywhere(cluster, cluster.nodes.filter((n) => n !== victim), "hello-site", /1\.0\.0/);
    await eventually(
      "the death is noticed",
      async () => (await cluster.client(n0).node(victim.name)).state === "unreachable",
    );
  });
  await verify("it comes back", async () => {
    await cluster.restart(victim);
    await eventually(
      "it is alive",
      async () => (await cluster.client(n0).node(victim.name)).state === "alive",
    );
    await everywhere(cluster, [victim], "hello-site", /1\.0\.0/);
  });
  await verify("an upgrade to version 2", async () => {
    await cluster.realm("deploy", nextSite, "--replicas", "all");
    await everywhere(cluster, cluster.nodes, "hello-site", /2\.0\.0/);
  });
  await verify("a rollback to version 1", async () => {
    await cluster.realm("app", "rollback", "hello-site");
    await everywhere(cluster, cluster.nodes, "hello-site", /1\.0\.0/);
  });
  await verify("the guest book kept its entry", async () => {
    if (!(await text(cluster, n0, "guestbook", "/api/entries")).includes(entry)) {
      throw new Error("the entry is gone");
    }
  });
}

if (!await provideSystemPackages("wasi", say)) {
  console.error(
    "the guest book is built from C: install clang, lld, wasi-libc and libclang-rt-14-dev-wasm32",
  );
  Deno.exit(1);
}
say("building the examples …");
const temporary = await Deno.makeTempDir({ prefix: "realm-demo-" });
let code = 0;
try {
  const site = await build("hello-site", "1.0.0");
  const nextSite = check ? await build("hello-site", "2.0.0", `${temporary}/site-2`) : "";
  const guestbook = await build("guestbook", "1.0.0");
  say("starting three nodes …");
  await using cluster = await Cluster.start({ nodes: 3, ...check ? {} : { gatewayPort: 7480 } });
  say(`  a realm of three in ${Math.round(cluster.formedMs)} ms`);
  await cluster.realm("deploy", site, "--replicas", "all");
  await cluster.realm("deploy", guestbook);
  for (const app of ["hello-site", "guestbook"]) {
    say(`\n${app}`);
    for (const node of cluster.nodes) {
      say(`  http://${app}.localhost:${new URL(node.gateway).port}/   (gateway of ${node.name})`);
    }
  }
  if (check) {
    say("");
    await verifyAll(cluster, nextSite);
    say(`\n${steps} passed, 0 failed`);
  } else {
    say(`\nTry:  export REALM_DATA_DIR=${cluster.nodes[0].dataDir}`);
    say("      npx -y deno@2.9.5 run -A main.ts status");
    say("      npx -y deno@2.9.5 run -A main.ts why guestbook");
    say(`\nDashboard:  ${(await cluster.realm("dashboard")).split("\n")[0]}`);
    say("\nCtrl-C ends it and removes everything.");
    await new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
    });
  }
} catch (error) {
  console.error(`\nfailed: ${error instanceof Error ? error.message : error}`);
  code = 1;
} finally {
  await Deno.remove(temporary, { recursive: true }).catch(() => {});
}
Deno.exit(code);
