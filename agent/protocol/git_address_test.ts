import assert from "node:assert/strict";
import fc from "fast-check";
import { gitRefProblem, parseGitAddress } from "./git_address.ts";

for (
  const [text, url, kind] of [
    ["github.com/user/repo", "https://github.com/user/repo", "https"],
    ["GitHub.com/user/repo.git/", "https://github.com/user/repo.git", "https"],
    ["git.example.org:8443/a/b", "https://git.example.org:8443/a/b", "https"],
    ["https://example.org/a", "https://example.org/a", "https"],
    ["http://127.0.0.1:3000/a.git", "http://127.0.0.1:3000/a.git", "http"],
    ["http://[::1]:3000/a.git", "http://[::1]:3000/a.git", "http"],
    ["ssh://git@example.org:2222/a/b.git", "ssh://git@example.org:2222/a/b.git", "ssh"],
    ["git@github.com:user/repo.git", "ssh://git@github.com/user/repo.git", "ssh"],
    ["/srv/git/app.git", "/srv/git/app.git", "path"],
  ] as const
) {
  Deno.test(`parseGitAddress() takes ${text}`, () => {
    const parsed = parseGitAddress(text);
    assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
    assert.deepEqual([parsed.value.url, parsed.value.kind], [url, kind]);
  });
}

for (
  const text of [
    "",
    "--upload-pack=touch /tmp/x",
    "-oProxyCommand=x",
    "ext::sh -c touch% /tmp/x",
    "ext::sh",
    "fd::7",
    "file:///etc",
    "file:/etc",
    "git://example.org/a",
    "ftp://example.org/a",
    "https://-oProxyCommand=x/a",
    "ssh://-oProxyCommand=x/a",
    "ssh://git@-oProxyCommand=x/a",
    "ssh://-l@example.org/a",
    "-x@host:repo",
    "git@host:-repo",
    "https://user:secret@example.org/a",
    "https://token@example.org/a",
    "https://example.org",
    "https://example.org/",
    "https://example.org/a/../b",
    "https://example.org/a/%2e%2E/b",
    "https://example.org/--upload-pack=x",
    "https://example.org/a?x=y",
    "https://example.org/a#x",
    "https://exa mple.org/a",
    "https://example.org/a\nb",
    "https://example.org:0/a",
    "https://example.org:99999/a",
    "https://example.org:x/a",
    "https://ex\\ample.org/a",
    "/",
    "/srv/../etc",
    "/srv//git",
    "/srv/-x",
    "./repo",
    "../repo",
    "repo",
    "C:\\repo",
    "C:/repo",
    `https://example.org/${"a".repeat(3_000)}`,
  ]
) {
  Deno.test(`parseGitAddress() refuses ${JSON.stringify(text).slice(0, 60)}`, () => {
    const parsed = parseGitAddress(text);
    assert.ok(!parsed.ok && parsed.message.length > 10);
  });
}

Deno.test("whatever parseGitAddress() takes is one word that begins with its scheme or a slash, and it takes that again", () => {
  const part = fc.constantFrom(
    ..."-:@/.[]?#%\\ \n\0".split(""),
    "ext::",
    "file:",
    "https://",
    "ssh://",
    "git@",
    "..",
    "example.org",
    "--upload-pack=x",
    "a",
    "%2e",
  );
  const text = fc.oneof(fc.array(part, { maxLength: 12 }).map((p) => p.join("")), fc.string());
  fc.assert(
    fc.property(text, (t) => {
      const parsed = parseGitAddress(t);
      if (!parsed.ok) return;
      const { url, kind } = parsed.value;
      assert.match(url, /^(https?:\/\/|ssh:\/\/|\/)[^\s\\]+$/);
      assert.ok(!url.split("/").some((p) => p.startsWith("-") || p === ".."), url);
      const authority = kind === "path" ? "" : url.split("/")[2];
      assert.ok(kind === "ssh" ? !/@-|^-/.test(authority) : !authority.includes("@"), url);
      const again = parseGitAddress(url);
      assert.ok(again.ok && again.value.url === url, url);
    }),
    { numRuns: 5_000 },
  );
});

for (
  const ref of [
    "main",
    "v1.0",
    "refs/heads/x",
    "feature/a-b",
    "a".repeat(40),
    "0123abc".repeat(6).slice(0, 40),
  ]
) {
  Deno.test(`${ref} can name a branch, tag or commit`, () => assert.equal(gitRefProblem(ref), undefined));
}
for (
  const ref of [
    "",
    "-x",
    "--upload-pack=x",
    "a..b",
    "a b",
    "a:b",
    "a~1",
    "a^",
    "@{-1}",
    "@",
    "/a",
    "a/",
    "a.lock",
    ".a",
    "a//b",
    "a*",
    "x\0",
    "abcdef1",
    "a".repeat(300),
  ]
) {
  Deno.test(`${JSON.stringify(ref).slice(0, 30)} cannot name a branch, tag or commit`, () => {
    assert.ok(gitRefProblem(ref));
  });
}
