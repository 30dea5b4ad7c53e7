import assert from "node:assert/strict";
import { ask, refused, releaseFile, setUp, tokenOf, upgradeForm, withToken } from "../../tests/api_bed.ts";

const send = async (form: FormData | string, type?: string) => {
  const { api, agent } = setUp();
  const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
  const init = withToken(await tokenOf(api), { method: "POST", body: form, headers });
  return { agent, response: await ask(api, "/api/upgrade", init) };
};

Deno.test("POST /api/upgrade stores the executables and hands the command in", async () => {
  const { agent, response } = await send(upgradeForm());
  assert.equal(response.status, 202, await response.clone().text());
  assert.equal((await response.json()).id, agent.commands[0].id);
  assert.equal(agent.commands[0].kind, "upgrade.start");
  assert.ok(agent.store.has(releaseFile.sha256));
});

const plain = (text: string) => {
  const form = new FormData();
  form.set("command", text);
  return form;
};
const late = () => {
  const form = new FormData();
  form.set("file", new File(["x"], releaseFile.file));
  form.set("command", "{}");
  return form;
};
for (
  const [what, form, type, code, message] of [
    ["no form", "{}", "application/json", "bad_request", /must be multipart/],
    ["no parts", "", "multipart/form-data; boundary=x", "bad_request", /is missing|is no multipart/],
    ["a command that is none", plain("{}"), undefined, "bad_request", /the part 'command' is malformed/],
    ["the command behind the files", late(), undefined, "bad_request", /must come first/],
    [
      "a file that the release does not name",
      upgradeForm({ file: "other" }),
      undefined,
      "bad_request",
      /names no file other/,
    ],
    [
      "another file than was signed",
      upgradeForm({ content: "something else, of another length" }),
      undefined,
      "bad_digest",
      /./,
    ],
  ] as const
) {
  Deno.test(`POST /api/upgrade with ${what} is refused and starts nothing`, async () => {
    const { agent, response } = await send(form, type);
    const copy = response.clone();
    await refused(response, code);
    assert.match((await copy.json()).detail, message);
    assert.deepEqual(agent.commands, []);
  });
}

Deno.test("POST /api/upgrade without the executables is refused and names them", async () => {
  const whole = upgradeForm(), form = plain(whole.get("command") as string);
  const { agent, response } = await send(form);
  const copy = response.clone();
  await refused(response, "bad_request");
  assert.match((await copy.json()).detail, /these files of the release are missing: realm-1.2.3-linux-amd64/);
  assert.deepEqual(agent.commands, []);
});
