import assert from "node:assert/strict";
import { BUILD_MARK, BUNDLE_FLAGS, selfCommand, selfExecutable } from "./self.ts";

const scope = globalThis as Record<symbol, unknown>;
/** Runs `fn` as if in a build. */
async function inBuild(fn: () => Promise<void> | void): Promise<void> {
  scope[BUILD_MARK] = { version: "1.2.3" };
  try {
    await fn();
  } finally {
    delete scope[BUILD_MARK];
  }
}

async function said(source: string, permissions?: readonly string[]): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "realm self " });
  try {
    await Deno.writeTextFile(`${dir}/main.js`, source);
    const module = new URL(`file://${dir}/main.js`).href;
    const { command, args } = selfCommand(module, ["a b", "--c"], permissions);
    const { stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
    return new TextDecoder().decode(stdout).trim() + new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const PROBE = `const names = ["read", "write", "net", "run", "env", "ffi", "sys"];
console.log(JSON.stringify([Deno.args, names.filter((name) => Deno.permissions.querySync({ name }).state !== "granted")]));`;

for (const form of ["source", "build"]) {
  const as = form === "build" ? inBuild : (fn: () => Promise<void>) => fn();

  Deno.test(`selfCommand() in a ${form} passes arguments on and may do everything by default`, () =>
    as(async () => {
      assert.deepEqual(JSON.parse(await said(PROBE)), [["a b", "--c"], []]);
    }));

  Deno.test(`selfCommand() in a ${form} gives a child the permissions named and no others`, () =>
    as(async () => {
      const [, denied] = JSON.parse(await said(PROBE, ["--no-prompt", "--allow-net=127.0.0.1:1"]));
      assert.deepEqual(denied, ["read", "write", "net", "run", "env", "ffi", "sys"]);
    }));
}

Deno.test("selfCommand() in a build loads nothing from around it", () =>
  inBuild(() => {
    const { args } = selfCommand("file:///x/main.js", []);
    assert.deepEqual(args.slice(0, BUNDLE_FLAGS.length), BUNDLE_FLAGS);
    for (const flag of ["--no-config", "--no-lock", "--no-npm", "--no-remote", "--cached-only"]) {
      assert.ok(args.includes(flag));
    }
    assert.equal(args.at(-1), "/x/main.js");
  }));

Deno.test("selfExecutable() is known in a build alone", async () => {
  const before = Deno.env.get("REALM_EXE");
  Deno.env.set("REALM_EXE", "/opt/realm");
  try {
    assert.equal(selfExecutable(), undefined);
    await inBuild(() => assert.equal(selfExecutable(), "/opt/realm"));
  } finally {
    if (before === undefined) Deno.env.delete("REALM_EXE");
    else Deno.env.set("REALM_EXE", before);
  }
});
