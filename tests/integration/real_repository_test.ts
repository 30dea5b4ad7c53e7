/**
 * A program that others wrote for other ends, bzip2 1.0.8 as Debian keeps its source, is cloned over git, built and
 * tested by its own Makefile as a native job without network; what it built is fetched and used. Left out where
 * Debian's archive cannot be reached.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Cluster } from "../cluster.ts";
import { git, hasGit, serveGit } from "../git_bed.ts";
import { nativeJob } from "../job_manifests.ts";

const SOURCE = "http://deb.debian.org/debian/pool/main/b/bzip2/bzip2_1.0.8.orig.tar.gz";
const SHA256 = "ab5a03176ee106d3f0fa90e381da478ddae405918153cca248e682cd0c4a2269";

async function download(): Promise<Uint8Array | undefined> {
  try {
    const response = await fetch(SOURCE, { signal: AbortSignal.timeout(20_000) });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    await response.body?.cancel();
  } catch { /* told below */ }
  console.log(`${SOURCE} cannot be had; its build as a job is left out`);
}

const source = Deno.build.os === "linux" && await hasGit() ? await download() : undefined;

Deno.test({
  name: "bzip2, cloned over git, is built and tested by its own Makefile without network; its artifact works",
  ignore: source === undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    assert.equal(createHash("sha256").update(source!).digest("hex"), SHA256);
    await using cluster = await Cluster.start({ nodes: 2 });
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const repository = `${cluster.root}/repos/bzip2`, { root } = cluster;
    await Deno.mkdir(repository, { recursive: true });
    await Deno.writeFile(`${root}/source.tar.gz`, source!);
    const unpack = ["xzf", `${root}/source.tar.gz`, "-C", repository, "--strip-components=1"];
    assert.ok((await new Deno.Command("tar", { args: unpack }).output()).success);
    await git(repository, "init", "-q");
    await git(repository, "add", "-A");
    await git(repository, "commit", "-q", "-m", "bzip2 1.0.8");
    const head = await git(repository, "rev-parse", "HEAD");
    await using server = serveGit(`${root}/repos`);
    const path = `${root}/build.toml`;
    const step = "make -j2 bzip2 && make check && cp bzip2 /out/bzip2";
    await Deno.writeTextFile(
      path,
      nativeJob(
        "bzip2",
        step,
        `[execution]\nworking_dir = "/src"\n[data]\n` +
          `inputs = [{ git = "${server.url}/bzip2", ref = "main", mount = "/src" }]\n` +
          `outputs = [{ path = "/out/bzip2", name = "bzip2" }]\n`,
      ),
    );
    const ran = await cluster.run(["job", "submit", path]);
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
    assert.match(ran.stdout, /If you got this far and the 'cmp's didn't complain/);
    const view = await cluster.client(cluster.nodes[1]).run("bzip2");
    assert.deepEqual(view.commits, { "/src": head });
    const built = `${root}/bzip2`;
    const fetched = await cluster.run(
      ["job", "artifacts", "bzip2", "bzip2", "-o", built],
      cluster.nodes[1],
    );
    assert.equal(fetched.code, 0, fetched.stderr);
    await Deno.chmod(built, 0o755);
    const use = async (...args: string[]) => {
      const { success, stdout, stderr } = await new Deno.Command(built, { args }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      return stdout;
    };
    const packed = await use("--keep", "--stdout", path);
    assert.notDeepEqual(packed, await Deno.readFile(path));
    await Deno.writeFile(`${path}.bz2`, packed);
    assert.deepEqual(await use("--decompress", "--stdout", `${path}.bz2`), await Deno.readFile(path));
  },
});
