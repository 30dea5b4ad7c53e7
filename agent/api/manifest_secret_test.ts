import assert from "node:assert/strict";
import { createClient } from "./client.ts";
import { manifestSteps } from "./manifest_steps.ts";
import { serveApi } from "./mod.ts";
import { parseRealmManifest } from "../protocol/realm_manifest.ts";
import { createFakeAgent } from "../../tests/fake_agent.ts";
import { owner, realm } from "../../tests/test_keys.ts";
import { testSecret } from "../../tests/test_views.ts";

const VALUE = new TextEncoder().encode("a value of a secret");

/** Takes the steps of a manifest; what they say, and what commands came of them. */
async function take(text: string, withFiles = true) {
  const agent = createFakeAgent();
  agent.secretViews.set("token", testSecret("token", { scope: { jobs: ["a"], branches: [], tags: [] } }));
  await using server = serveApi(agent);
  const credentials = { realm, signer: owner, grants: [] };
  const client = createClient({ url: server.url, credentials: () => credentials });
  const parsed = parseRealmManifest(text, { file: "realm.toml" });
  if (!parsed.ok) return { refused: parsed.message };
  try {
    const steps = await manifestSteps(client, parsed.value, {
      open: () => Promise.reject(new Error("no package")),
      ...(withFiles ? { readFile: () => Promise.resolve(VALUE) } : {}),
      credentials: () => credentials,
    });
    for (const step of steps) if (step.kind === "command") await step.run();
    return { says: steps.map((s) => s.says), commands: agent.commands };
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

Deno.test("[secret] with a file sets a value, without one what the secret is for; what stands makes no step", async () => {
  const set = await take('[secret]\nname = "new"\ntags = ["deploy"]\nvalue_file = "./value"\n');
  assert.deepEqual(set.says, ["set the secret new is for all jobs; nodes with deploy"]);
  assert.equal(set.commands![0].kind, "secret.set");
  assert.ok(!JSON.stringify(set.commands).includes("a value of a secret"));
  const scope = await take('[secret]\nname = "token"\njobs = ["b"]\n');
  assert.equal(scope.commands![0].kind, "secret.scope");
  assert.deepEqual((await take('[secret]\nname = "token"\njobs = ["a"]\n')).says, []);
});

Deno.test("[secret] is refused where there is neither a value nor a file to read, and for wrong keys", async () => {
  for (
    const [text, message, withFiles] of [
      ['[secret]\nname = "other"\n', /there is no secret other; set its value/, true],
      ['[secret]\nname = "token"\nvalue_file = "x"\n', /is in a file of your machine/, false],
      [
        '[secret]\nname = "token"\nvalue = "x"\n',
        /`secret.value`: unknown key; valid here: .*`value_file`/,
        true,
      ],
      ['[secret]\nname = "a b"\n', /letters, digits/, true],
      ['[secret]\nname = "token"\njobs = ["a b"]\n', /a name, in which \*/, true],
      ['[[secret]]\nname = "a"\n[[secret]]\nname = "a"\n', /second wish for this secret/, true],
      ["[policy]\n", /sets no rule/, true],
      ['[policy]\nsandbox_minimum = "none"\n', /one of floor, namespaced/, true],
    ] as const
  ) assert.match((await take(text, withFiles)).refused ?? "accepted", message);
});

Deno.test("[policy] sets the rules that stand otherwise", async () => {
  const { says, commands } = await take("[policy]\nallow_native_execution = true\n");
  assert.deepEqual(says, ["allow_native_execution = true in the realm"]);
  assert.deepEqual(commands![0].body, { rule: "allow_native_execution", value: true });
});
