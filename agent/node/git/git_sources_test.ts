import assert from "node:assert/strict";
import { commit, git, hasGit, repository, serveGit } from "../../../tests/git_bed.ts";
import { createDisk } from "../../platform/mod.ts";
import { RealmError } from "../../protocol/mod.ts";
import { GitSources, type GitWish } from "./git_sources.ts";

const there = await hasGit();
const signal = new AbortController().signal;

/** A bed of its own: repositories below `root/repos`, sources with their cache, places for checkouts. */
async function bed(
  body: (at: { root: string; sources: GitSources; place: (name: string) => string }) => Promise<void>,
) {
  const root = await Deno.makeTempDir();
  try {
    await body({
      root,
      sources: new GitSources(createDisk(), `${root}/cache`),
      place: (name) => `${root}/out/${name}`,
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
const test = (name: string, body: Parameters<typeof bed>[0]) =>
  Deno.test({ name, ignore: !there, sanitizeOps: false, sanitizeResources: false, fn: () => bed(body) });
const wish = (url: string, more: Partial<GitWish> = {}): GitWish => ({
  url,
  depth: 1,
  submodules: false,
  ...more,
});
const place = (directory: string, maxBytes = 1e9) => ({ directory, maxBytes, signal });
const fails = (code: string, message: RegExp) => (e: unknown) =>
  e instanceof RealmError && e.code === code && message.test(e.message) || assert.fail(String(e));

test("a branch, a tag and the default branch are resolved, and what they stand for is checked out", async ({ root, sources, place: at }) => {
  const one = await repository(`${root}/repos/app`, { "a.txt": "one\n", "run.sh": "#!/bin/sh\necho hi\n" });
  await git(`${root}/repos/app`, "tag", "-a", "v1", "-m", "v1");
  await git(`${root}/repos/app`, "checkout", "-q", "-b", "dev");
  const two = await commit(`${root}/repos/app`, { "a.txt": "two\n" });
  await git(`${root}/repos/app`, "checkout", "-q", "main");
  await using server = serveGit(`${root}/repos`);
  const url = `${server.url}/app`;
  assert.equal(await sources.resolve(wish(url), signal), one);
  assert.equal(await sources.resolve(wish(url, { ref: "v1" }), signal), one);
  assert.equal(await sources.resolve(wish(url, { ref: "dev" }), signal), two);
  assert.equal(await sources.resolve(wish(url, { ref: "refs/heads/dev" }), signal), two);
  await sources.checkOut(wish(url), two, place(at("dev")));
  assert.equal(await Deno.readTextFile(`${at("dev")}/a.txt`), "two\n");
  assert.equal((await Deno.stat(`${at("dev")}/run.sh`)).mode! & 0o111, 0o111);
  assert.equal(await git(at("dev"), "rev-parse", "HEAD"), two);
  assert.equal(await git(at("dev"), "rev-list", "--count", "HEAD"), "1");
  assert.equal(await git(at("dev"), "config", "remote.origin.url"), url);
  const asked = server.requests.length;
  await sources.checkOut(wish(url), two, place(at("again")));
  assert.equal(server.requests.length, asked, "what is cached is not fetched again");
  await sources.checkOut(wish(url, { depth: 9 }), two, place(at("deep")));
  assert.equal(await git(at("deep"), "rev-list", "--count", "HEAD"), "2");
  assert.deepEqual(await sources.changedPaths(wish(url), one, two, signal), ["a.txt"]);
  assert.deepEqual([...await sources.branches(wish(url), signal)].sort(), [["dev", two], ["main", one]]);
});

test("what cannot be had is named: repository, branch, commit, host", async ({ root, sources, place: at }) => {
  await repository(`${root}/repos/app`);
  await using server = serveGit(`${root}/repos`);
  const none = "0".repeat(39) + "1";
  await assert.rejects(
    sources.resolve(wish(`${server.url}/nope`), signal),
    fails("failed", /127.0.0.1:\d+\/nope.*not found/),
  );
  await assert.rejects(
    sources.resolve(wish(`${server.url}/app`, { ref: "nope" }), signal),
    fails("not_found", /has no branch or tag nope/),
  );
  await assert.rejects(
    sources.checkOut(wish(`${server.url}/app`), none, place(at("x"))),
    fails("failed", new RegExp(none)),
  );
  await assert.rejects(
    sources.resolve(wish("http://127.0.0.1:1/app"), signal),
    fails("failed", /Failed to connect|onnection refused|unable to access/),
  );
  await git(`${root}/repos/app`, "branch", "both");
  await git(`${root}/repos/app`, "tag", "both");
  await assert.rejects(
    sources.resolve(wish(`${server.url}/app`, { ref: "both" }), signal),
    fails("bad_request", /is a branch and a tag/),
  );
});

test("a password reaches its own host alone, in no argument and no file that stays", async ({ root, sources, place: at }) => {
  const head = await repository(`${root}/repos/app`);
  await using server = serveGit(`${root}/repos`, { password: "git:s3cr3t/&%" });
  const url = `${server.url}/app`;
  await assert.rejects(
    sources.resolve(wish(url), signal),
    fails("failed", /terminal prompts disabled|could not read Username|Authentication/),
  );
  const open = { credential: "s3cr3t/&%", credentialName: "forge" };
  assert.equal(await sources.resolve(wish(url, open), signal), head);
  await sources.checkOut(wish(url, open), head, place(at("x")));
  await assert.rejects(
    sources.resolve(wish(url, { ...open, credential: "wrong" }), signal),
    fails("failed", /Authentication|403|401/),
  );
  // Who does not have the secret gets nothing of what it opened, although it lies in the cache.
  await assert.rejects(sources.checkOut(wish(url), head, place(at("y"))), fails("failed", /app/));
  const grep = await new Deno.Command("grep", { args: ["-rlE", "s3cr3t", root], stdout: "piped" }).output();
  assert.equal(new TextDecoder().decode(grep.stdout), "");
  await assert.rejects(
    sources.resolve(wish("http://example.org/a", open), signal),
    fails("bad_request", /sent by https alone/),
  );
});

test("settings of the machine, hooks, and addresses that are options or helpers have no effect", async ({ root, sources, place: at }) => {
  const mark = `${root}/mark`;
  const head = await repository(`${root}/repos/app`);
  await using server = serveGit(`${root}/repos`);
  for (
    const url of [
      `ext::sh -c touch% ${mark}`,
      `--upload-pack=touch ${mark}`,
      `file://${root}/repos/app`,
      `fd::0`,
    ]
  ) {
    await assert.rejects(sources.resolve(wish(url), signal), fails("bad_request", /./));
  }
  for (const ref of [`--upload-pack=touch ${mark}`, "a:b", "../x"]) {
    await assert.rejects(
      sources.resolve(wish(`${server.url}/app`, { ref }), signal),
      fails("bad_request", /the ref/),
    );
  }
  const home = `${root}/home`;
  await Deno.mkdir(`${home}/hooks`, { recursive: true });
  await Deno.writeTextFile(`${home}/hooks/post-checkout`, `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
  await Deno.writeTextFile(
    `${home}/.gitconfig`,
    `[core]\n\thooksPath = ${home}/hooks\n[init]\n\ttemplateDir = ${home}\n[url "http://127.0.0.1:1/"]\n\tinsteadOf = ${server.url}/\n`,
  );
  const before = Deno.env.get("HOME"), xdg = Deno.env.get("GIT_CONFIG_PARAMETERS");
  Deno.env.set("HOME", home);
  Deno.env.set("GIT_CONFIG_PARAMETERS", `'core.hooksPath=${home}/hooks'`);
  try {
    await sources.checkOut(wish(`${server.url}/app`), head, place(at("x")));
  } finally {
    if (before !== undefined) Deno.env.set("HOME", before);
    if (xdg === undefined) Deno.env.delete("GIT_CONFIG_PARAMETERS");
  }
  await assert.rejects(Deno.stat(mark), Deno.errors.NotFound);
});

test("submodules come by the network alone: one that names a path of the node is refused", async ({ root, sources, place: at }) => {
  await repository(`${root}/repos/lib`, { "lib.txt": "lib\n" });
  await repository(`${root}/repos/app`);
  await git(`${root}/repos/app`, "submodule", "--quiet", "add", `${root}/repos/lib`, "lib");
  await git(`${root}/repos/app`, "config", "-f", ".gitmodules", "submodule.lib.url", "../lib");
  const good = await commit(`${root}/repos/app`, { "x": "1" });
  await git(`${root}/repos/app`, "config", "-f", ".gitmodules", "submodule.lib.url", `${root}/repos/lib`);
  const bad = await commit(`${root}/repos/app`, { "x": "2" });
  await using server = serveGit(`${root}/repos`);
  const both = wish(`${server.url}/app`, { submodules: true });
  await sources.checkOut(both, good, place(at("good")));
  assert.equal(await Deno.readTextFile(`${at("good")}/lib/lib.txt`), "lib\n");
  await assert.rejects(
    sources.checkOut(both, bad, place(at("bad"))),
    fails("failed", /transport 'file' not allowed/),
  );
});

test("more than the bound is not checked out; what takes too long or is called off ends with its processes", async ({ root, sources, place: at }) => {
  await repository(`${root}/repos/app`, { "zeros": "0".repeat(8_000_000) });
  const head = await git(`${root}/repos/app`, "rev-parse", "HEAD");
  await using server = serveGit(`${root}/repos`);
  await assert.rejects(
    sources.checkOut(wish(`${server.url}/app`), head, place(at("x"), 2_000_000)),
    fails("too_large", /more than 2 MiB; raise disk_mb/),
  );
  await using slow = serveGit(`${root}/repos`, { delayMs: 60_000 });
  const stop = new AbortController();
  const started = performance.now();
  const going = sources.resolve(wish(`${slow.url}/app`), stop.signal);
  setTimeout(() => stop.abort(), 200);
  await assert.rejects(going, fails("failed", /called off/));
  assert.ok(performance.now() - started < 5_000);
  const left = [...Deno.readDirSync("/proc")].filter(({ name }) => {
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(slow.url);
    } catch {
      return false;
    }
  });
  assert.deepEqual(left, []);
});

test("a path of the node is a repository too, and cached clones go when they take too much", async ({ root, place: at }) => {
  const sources = new GitSources(createDisk(), `${root}/cache`, 200_000);
  const head = await repository(`${root}/repos/app`);
  await sources.checkOut(
    wish(`${root}/repos/app`),
    await sources.resolve(wish(`${root}/repos/app`), signal),
    place(at("x")),
  );
  assert.equal(await git(at("x"), "rev-parse", "HEAD"), head);
  const next = await commit(`${root}/repos/app`, { "b.txt": "two\n" });
  assert.deepEqual(await sources.changedPaths(wish(`${root}/repos/app`), head, next, signal), ["b.txt"]);
  await using server = serveGit(`${root}/repos`);
  for (const name of ["a", "b", "c"]) {
    const noise = [...crypto.getRandomValues(new Uint8Array(60_000))].join("");
    const id = await repository(`${root}/repos/${name}`, { noise });
    await sources.checkOut(wish(`${server.url}/${name}`), id, place(at(name)));
  }
  const kept = [...Deno.readDirSync(`${root}/cache/repositories`)];
  assert.ok(kept.length >= 1 && kept.length < 3, String(kept.length));
});
