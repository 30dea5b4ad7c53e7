/**
 * A realm of two architectures: nodes for amd64 and an emulated one for arm64 are upgraded by one command. An emulated
 * start takes minutes on a busy machine, so that this runs by hand: `REALM_EMULATED=1` (5 minutes), with the packages that
 * `targets/emulated.ts` names.
 */
import assert from "node:assert/strict";
import { build } from "../../examples/hello-site/build.ts";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { emulateArm64 } from "../../targets/emulated.ts";
import { refresh, refreshAll, upgradeStatus } from "../upgrade_bed.ts";

const [OLD, NEW] = ["0.1.0", "9.0.0"];
const platforms = ["linux/amd64", "linux/arm64"] as const;
const root = new URL("../..", import.meta.url).pathname;
const fileOf = (dir: string, version: string, platform: string) =>
  `${dir}/realm-${version}-${platform.replace("/", "-")}`;

async function buildAll(dir: string, version: string): Promise<void> {
  const targets = platforms.flatMap((platform) => ["--target", platform]);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "targets/build.ts", ...targets, "--version", version, "--out", dir],
    cwd: root,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test({
  name:
    "a realm of amd64 and emulated arm64 is upgraded by one command, each node by the file for its platform",
  ignore: Deno.env.get("REALM_EMULATED") !== "1",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "realm-mixed-" });
    const before = ["REALM_CACHE_DIR", "REALM_EXECUTABLE"].map((name) => [name, Deno.env.get(name)] as const);
    try {
      const arm64 = await emulateArm64(`${dir}/emulator`);
      await buildAll(`${dir}/old`, OLD);
      await buildAll(`${dir}/dist`, NEW);
      Deno.env.set("REALM_CACHE_DIR", `${dir}/cache`);
      Deno.env.set("REALM_EXECUTABLE", fileOf(`${dir}/old`, OLD, "linux/amd64"));
      await mixed(dir, arm64);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) Deno.env.delete(name);
        else Deno.env.set(name, value);
      }
      await Deno.remove(dir, { recursive: true });
    }
  },
});

async function mixed(dir: string, arm64: string): Promise<void> {
  const started = performance.now();
  const since = (from: number) => `${((performance.now() - from) / 1_000).toFixed(0)} s`;
  await using cluster = await Cluster.start({ nodes: 2, startMs: 300_000 });
  const joins = performance.now();
  const emulated = await cluster.join(await cluster.invite(), "n2", 2, [
    arm64,
    fileOf(`${dir}/old`, OLD, "linux/arm64"),
  ]);
  const platformOf = (node: ClusterNode) => node === emulated ? "linux/arm64" : "linux/amd64";
  const nodesAt = (version: string) =>
    eventually(`three nodes of two platforms run ${version}`, async () => {
      refresh(cluster.nodes[0]);
      const views = await cluster.client(cluster.nodes[0]).nodes();
      return views.length === 3 && cluster.nodes.every((node) => {
        const { state, info } = views.find((v) => v.name === node.name)!;
        return state === "alive" && info?.version === version && info.platform === platformOf(node);
      });
    }, 120_000);
  await nodesAt(OLD);
  console.log(`the emulated node has joined after ${since(joins)}`);
  const { directory } = await build({ version: "1.0.0", out: `${dir}/site`, say: () => {} });
  await cluster.realm("deploy", directory, "--replicas", "all");
  const serves = async (node: ClusterNode) => {
    const response = await cluster.fetch(node, "hello-site");
    const text = await response.text();
    return response.status === 200 && text.includes("1.0.0");
  };
  for (const node of cluster.nodes) await eventually(`${node.name} serves`, () => serves(node), 60_000);

  const upgrades = performance.now();
  const done = await cluster.run([
    "upgrade",
    "--all-platforms",
    `${dir}/dist`,
    "--probation",
    "2s",
    "--deadline",
    "10m",
    "--timeout",
    "30m",
  ]);
  const status = await upgradeStatus(cluster);
  assert.equal(done.code, 0, `${done.stdout}${done.stderr}\n${JSON.stringify(status)}\n${emulated.output}`);
  await refreshAll(cluster);
  await nodesAt(NEW);
  console.log(`upgraded after ${since(upgrades)}, all in all ${since(started)}`);
  assert.deepEqual(status.nodes.map((n) => n.state), ["done", "done", "done"]);
  const sums = await Deno.readTextFile(`${dir}/dist/SHA256SUMS`);
  for (const node of cluster.nodes) {
    const file = fileOf("", NEW, platformOf(node)).slice(1);
    const digest = sums.split("\n").find((line) => line.endsWith(` ${file}`))!.split(" ")[0];
    const staged = [...Deno.readDirSync(`${node.dataDir}/versions`)].filter((e) => e.isDirectory);
    assert.deepEqual(
      staged.map((e) => e.name),
      [digest],
      `${node.name} took the file for its platform alone`,
    );
    await eventually(`${node.name} serves`, () => serves(node), 60_000);
  }
}
