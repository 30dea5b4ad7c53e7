/** Build caches on real nodes: kept where a run succeeded, found from elsewhere, never a reason to fail. */
import assert from "node:assert/strict";
import { Cluster } from "../cluster.ts";
import { nativeJob } from "../job_manifests.ts";

Deno.test({
  name:
    "a build cache is found from another node, by its key or a beginning of it; without it the job goes on",
  ignore: Deno.build.os !== "linux",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 2 });
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const ids = (await cluster.client(cluster.nodes[0]).nodes()).map((n) => [n.info!.name, n.id]);
    const nodes = Object.fromEntries(ids) as Record<string, string>;
    const path = `${cluster.root}/build.toml`;
    const run = async (node: string, depends: string, step: string, more = "") => {
      await Deno.writeTextFile(`${cluster.root}/lock`, depends);
      await Deno.writeTextFile(
        path,
        nativeJob(
          "build",
          step,
          `[targeting]
node_ids = ["${nodes[node]}"]
[data]
inputs = [{ path = "lock", mount = "/in/lock" }]
[cache]
key = "deps-{hash:/in/lock}"
paths = ["/deps"]
${more}`,
        ),
      );
      return await cluster.run(["job", "submit", path]);
    };
    const build =
      "cat deps/made 2>/dev/null || echo fresh; mkdir -p deps; ln -sf made deps/link; echo kept > deps/made";
    const first = await run("n0", "1", build);
    assert.equal(first.stdout, "fresh\n", first.stderr);
    assert.match(first.stderr, /cache deps-[0-9a-f]{16} is kept/);
    const cacheOfLast = async () =>
      (await cluster.client(cluster.nodes[0]).run("build")).attempts.at(-1)!.cache!;
    const kept = await cacheOfLast();
    assert.match(kept.key, /^deps-[0-9a-f]{16}$/);
    assert.ok(kept.restored === undefined && kept.kept_bytes! > 0);
    const failed = await run("n0", "2", "mkdir deps; echo bad > deps/made; exit 1");
    assert.equal(failed.code, 1);
    const elsewhere = await run("n1", "1", `${build}; readlink deps/link`);
    assert.equal(elsewhere.stdout, "kept\nmade\n", elsewhere.stderr);
    assert.match(elsewhere.stderr, /cache deps-[0-9a-f]{16} restored: \/deps/);
    assert.deepEqual(await cacheOfLast(), {
      key: kept.key,
      restored: { key: kept.key, bytes: kept.kept_bytes },
    });
    assert.match(
      await cluster.realm("job", "status", "build"),
      /cache +deps-[0-9a-f]{16}: hit, [0-9.]+ k?B restored/,
    );
    const other = await run("n1", "3", build);
    assert.equal(other.stdout, "fresh\n", other.stderr);
    const beginning = await run("n1", "4", build, 'restore_keys = ["deps-"]\n');
    assert.equal(beginning.stdout, "kept\n", beginning.stderr);
    const { key, restored, kept_bytes } = await cacheOfLast();
    assert.ok(restored!.key.startsWith("deps-") && restored!.key !== key && kept_bytes! > 0);
    // What was kept under this key lies on the node that dies.
    await cluster.kill(cluster.nodes[1]);
    const gone = await run("n0", "4", build);
    assert.equal(gone.code, 0, gone.stderr);
    assert.equal(gone.stdout, "fresh\n", gone.stderr);
  },
});
