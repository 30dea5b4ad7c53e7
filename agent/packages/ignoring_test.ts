import assert from "node:assert/strict";
import { createDisk } from "../platform/mod.ts";
import { packTree } from "./tree_tar.ts";

const disk = createDisk();

/** What of a tree, given as path → content, is packed from `at`; and what stays out. */
async function packed(tree: Readonly<Record<string, string>>, at = "") {
  const root = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(tree)) {
      await Deno.mkdir(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${root}/${path}`, text);
    }
    const made = await packTree(disk, `${root}${at}`, { gitignore: true });
    const list = new Deno.Command("tar", { args: ["tf", "-"], stdin: "piped", stdout: "piped" }).spawn();
    await made.stream().pipeTo(list.stdin);
    const names = new TextDecoder().decode((await list.output()).stdout).split("\n").filter(Boolean);
    return { files: names.filter((n) => !n.endsWith("/")), ignored: made.ignored };
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

for (
  const { name, tree, at, files, ignored } of [
    {
      name: "patterns, anchors, directories and exceptions",
      tree: {
        ".gitignore": "*.o\n/out/\n!keep.o\n# comment\n",
        "a.o": "",
        "keep.o": "",
        "src/b.o": "",
        "src/out/c": "",
        "out/d": "",
      },
      files: [".gitignore", "keep.o", "src/out/c"],
      ignored: ["a.o", "out", "src/b.o"],
    },
    {
      name: "nested files, of which the nearest counts, relative to where it stands",
      tree: {
        ".gitignore": "*.log\n",
        "a.log": "",
        "sub/.gitignore": "!b.log\n/x\n",
        "sub/b.log": "",
        "sub/x": "",
        "sub/deep/x": "",
        "sub/deep/c.log": "",
      },
      files: [".gitignore", "sub/.gitignore", "sub/b.log", "sub/deep/x"],
      ignored: ["a.log", "sub/deep/c.log", "sub/x"],
    },
    {
      name: "the directories above up to the repository's",
      tree: { ".git/HEAD": "", ".gitignore": "fixtures/*.tmp\n", "fixtures/a.tmp": "", "fixtures/b": "" },
      at: "/fixtures",
      files: ["b"],
      ignored: ["a.tmp"],
    },
    {
      name: "nothing of a directory that was named although its repository ignores it",
      tree: {
        ".git/HEAD": "",
        ".gitignore": "dist/\n",
        "dist/app": "",
        "dist/.gitignore": "*.map\n",
        "dist/a.map": "",
      },
      at: "/dist",
      files: [".gitignore", "app"],
      ignored: ["a.map"],
    },
    {
      name: "the repository itself, without a word",
      tree: { ".git/config": "", "sub/.git": "", "a": "" },
      files: ["a"],
      ignored: [],
    },
  ]
) {
  Deno.test(`an upload keeps out ${name}`, async () => {
    const made = await packed(tree as unknown as Record<string, string>, at);
    assert.deepEqual(made.files.toSorted(), files.toSorted());
    assert.deepEqual(made.ignored, ignored);
  });
}

Deno.test("an upload agrees with git about a thousand paths", async () => {
  const root = await Deno.makeTempDir();
  try {
    const git = (...args: string[]) => new Deno.Command("git", { args, cwd: root, stdout: "piped" }).output();
    if (!(await git("init", "-q")).success) return;
    const rules = [
      "*.o",
      "/build",
      "!a/keep.o",
      "a/**/z",
      "doc/*.txt",
      "**/tmp/",
      "\\#x",
      "b/",
      "!b/c",
      "x?z",
      "[ab].md",
    ];
    await Deno.writeTextFile(`${root}/.gitignore`, rules.join("\n"));
    const names = ["a", "b", "build", "doc", "tmp", "z"];
    const files = ["k.o", "keep.o", "zz", "r.txt", "#x", "c", "xyz", "a.md", "c.md"];
    for (const x of names) {
      for (const y of names) {
        await Deno.mkdir(`${root}/${x}/${y}`, { recursive: true });
        for (const f of files) {
          for (const at of [`${x}/${y}`, x]) await Deno.writeTextFile(`${root}/${at}/${f}2`, "");
        }
        for (const f of files) {
          await Deno.writeTextFile(`${root}/${x}/${y}/${f}`, "").catch(() => {});
          await Deno.writeTextFile(`${root}/${x}/${f}`, "").catch(() => {});
        }
      }
    }
    await Deno.writeTextFile(`${root}/a/.gitignore`, "*.md\n!z\n");
    const said = new TextDecoder().decode(
      (await git("-c", "core.quotePath=false", "ls-files", "--others", "--exclude-standard")).stdout,
    );
    const made = await packTree(disk, root, { gitignore: true });
    const list = new Deno.Command("tar", { args: ["tf", "-"], stdin: "piped", stdout: "piped" }).spawn();
    await made.stream().pipeTo(list.stdin);
    const packedNames = new TextDecoder().decode((await list.output()).stdout).split("\n");
    const ours = packedNames.filter((n) => n !== "" && !n.endsWith("/")).sort();
    assert.deepEqual(ours, said.split("\n").filter(Boolean).sort());
    assert.ok(ours.length > 150, String(ours.length));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
