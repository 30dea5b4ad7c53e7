/** `realm job run`: a pipeline on this machine, with no node anywhere, from the working tree as it is. */
import assert from "node:assert/strict";
import { type Ran, realmCommand } from "../cluster.ts";
import { git, hasGit, repository } from "../git_bed.ts";

const ready = Deno.build.os === "linux" && await hasGit();
const test = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, fn, ignore: !ready, sanitizeOps: false, sanitizeResources: false });

async function realm(cwd: string, args: readonly string[], stdin?: string): Promise<Ran> {
  const { command, args: all } = realmCommand(args);
  const child = new Deno.Command(command, {
    args: all,
    cwd,
    env: { REALM_DATA_DIR: `${cwd}/no-such-node`, TMPDIR: `${cwd}/../tmp` },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const PIPELINE = `[[jobs]]
job = { name = "build", type = "one-shot" }
runtime = { type = "native" }
execution = { working_dir = "/src" }
step = [{ name = "make", run = "cat in.txt > /out/made.txt 2>/dev/null || cat in.txt > \\"$REALM_ROOT/out/made.txt\\"; test ! -e left.o" }]
data = { inputs = [{ git = "example.org/team/app", ref = "main", mount = "/src" }], outputs = [{ path = "/out/", name = "made" }] }
[[jobs]]
job = { name = "check", type = "one-shot", needs = ["build"] }
runtime = { type = "native" }
step = [{ name = "see", run = "cat made/made.txt; echo $WHICH" }]
matrix = { which = ["a", "b"] }
env = { WHICH = "{matrix.which}" }
data = { inputs = [{ run = "build", output = "made", mount = "/made" }] }
`;

test("a pipeline runs from the working tree in place of its clone, in the sandbox, and leaves its artifacts", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.chmod(root, 0o755);
    await Deno.mkdir(`${root}/tmp`);
    await repository(`${root}/app`, { "in.txt": "committed\n", ".gitignore": "*.o\n", "ci.toml": PIPELINE });
    await git(`${root}/app`, "remote", "add", "origin", "git@example.org:team/app.git");
    await Deno.writeTextFile(`${root}/app/in.txt`, "not committed yet\n");
    await Deno.writeTextFile(`${root}/app/left.o`, "");
    const ran = await realm(`${root}/app`, ["job", "run", "ci.toml", "--out", "results"]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(ran.stdout, "not committed yet\na\nnot committed yet\nb\n");
    assert.match(ran.stderr, /is taken from the working tree .*\/app, not at main/);
    assert.match(ran.stderr, /check which=b succeeded in \d+ ms, (floor|namespaced)/);
    assert.ok((await Deno.stat(`${root}/app/results/made.tar`)).isFile);
    const one = await realm(`${root}/app`, ["job", "run", "ci.toml", "--job", "build", "--json"]);
    assert.deepEqual(JSON.parse(one.stdout).map((r: { job: string; state: string }) => [r.job, r.state]), [[
      "build",
      "succeeded",
    ]]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

test("a failure stops what needs it, and a shell opens where the steps ran, in the same sandbox", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.chmod(root, 0o755);
    await Deno.mkdir(`${root}/tmp`);
    await repository(`${root}/app`, {
      "in.txt": "x\n",
      "ci.toml": PIPELINE.replaceAll("example.org/team/app", `${root}/app`).replace(
        "test ! -e left.o",
        "exit 3",
      ),
    });
    const failed = await realm(`${root}/app`, ["job", "run", "ci.toml"]);
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(failed.stderr, /build failed.*: exited with code 3/);
    assert.match(failed.stderr, /check which=a cancelled: needs build, which did not succeed/);
    const shell = await realm(
      `${root}/app`,
      ["job", "run", "ci.toml", "--shell-on-failure"],
      `cat in.txt; pwd | sed 's,.*/,at ,'; touch /usr/x || echo "no writing"; exit\n`,
    );
    assert.equal(shell.code, 1);
    assert.match(shell.stderr, /build failed; this shell is where it ran/);
    assert.match(shell.stderr, /x\n[^]*at src\n[^]*no writing/);
    assert.deepEqual([...Deno.readDirSync(`${root}/tmp`)], []);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
