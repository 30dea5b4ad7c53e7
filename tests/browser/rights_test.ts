/** Secrets and policies in the dashboard: every look, every change once against a real realm, and what a viewer sees. */
import assert from "node:assert/strict";
import { defaultPolicy } from "../../agent/protocol/mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { createFakeAgent, type FakeAgent } from "../fake_agent.ts";
import { self } from "../test_keys.ts";
import { testNode, testSecret } from "../test_views.ts";
import { canRun } from "../system_packages.ts";
import {
  accessible,
  enter,
  fabricated,
  goTo,
  launch,
  linkOf,
  lookName,
  LOOKS,
  noSideScroll,
  open,
} from "./bed.ts";

const test = (name: string, fn: (t: Deno.TestContext) => Promise<void>) =>
  Deno.test({ name, fn, ignore: !canRun("browser"), sanitizeOps: false, sanitizeResources: false });

/** A realm in which every state of a secret, and every word about a rule, occurs. */
function world(): FakeAgent {
  const agent = createFakeAgent();
  const n3 = testNode(3), n4 = testNode(4);
  const ref = (n: { id: string; name: string }) => ({ node: n.id, name: n.name });
  agent.secretViews.clear();
  const all = [
    testSecret("registry-token", {
      scope: { jobs: ["publish-*", "release"], branches: ["main", "release/*"], tags: ["builder", "!edge"] },
      runs: ["publish-1-0a1b2c3d4e5f"],
    }),
    testSecret("ssh-deploy-key", {
      exposed: [{ ...ref(n4), why: "removed" }],
      holders: [{ node: self, name: "node-2" }, ref(n3)],
    }),
    testSecret("smtp-password", { waiting: [ref(n3)] }),
  ];
  for (const s of all) agent.secretViews.set(s.name, s);
  agent.nodeViews.push(n4);
  const node = (n: { id: string; name: string }, more: object) => ({
    node: n.id,
    name: n.name,
    own: {},
    effective: { ...defaultPolicy, allow_native_execution: true },
    ...more,
  });
  Object.assign(agent, {
    policy: () => ({
      realm: { allow_native_execution: true },
      defaults: defaultPolicy,
      nodes: [
        node(agent.nodeViews[0], {}),
        node(n3, {
          own: { native_read: ["/opt/toolchains", "/usr/share/a-directory-with-a-long-name"] },
          effective: {
            ...defaultPolicy,
            allow_native_execution: true,
            native_read: ["/opt/toolchains", "/usr/share/a-directory-with-a-long-name"],
          },
        }),
        node(n4, {
          file: { allow_native_execution: false },
          effective: { ...defaultPolicy, allow_native_execution: false },
        }),
      ],
    }),
    audit: () => [],
  });
  return agent;
}

test("secrets and policies look right at both sizes, light and dark, and a viewer sees no button", async (t) => {
  const agent = world();
  await using bed = fabricated(agent);
  const browser = await launch();
  try {
    for (const [size, dark] of LOOKS) {
      await t.step(lookName(size, dark), async () => {
        const { context, page, faults, settled, shot } = await open(browser, bed.url, size, dark);
        await enter(page, bed.link());
        for (
          const [path, name, text] of [
            ["/secrets", "secrets", "set another value"],
            ["/secrets/ssh-deploy-key", "secret", "removed from the realm"],
            ["/secrets/registry-token", "secret-scoped", "release/*"],
            ["/policies", "policies", "its policy.toml"],
            [`/policies/${agent.nodeViews[2].id}`, "policies-node", "its policy.toml"],
          ] as const
        ) {
          await goTo(page, path);
          await page.getByText(text).first().waitFor();
          await settled();
          await accessible(page, path);
          await noSideScroll(page, path);
          await shot(name);
        }
        const dialog = page.getByRole("dialog");
        await page.getByRole("button", { name: "Change" }).first().click();
        await dialog.getByText(/realm policy set allow_native_execution=/).waitFor();
        await accessible(page, "change of a rule");
        await shot("policies-change", false);
        await page.keyboard.press("Escape");
        await goTo(page, "/secrets");
        await page.getByRole("button", { name: "Set a secret" }).click();
        await dialog.getByRole("textbox", { name: /^Name/ }).fill("npm-token");
        await dialog.getByLabel(/^Value/).fill("nobody sees this");
        await dialog.getByRole("textbox", { name: "Only for jobs" }).fill("publish-*");
        await dialog.getByText("realm secret set npm-token --job 'publish-*'").waitFor();
        await accessible(page, "set a secret");
        await noSideScroll(page, "set a secret");
        await shot("secrets-set", false);
        assert.ok(!(await page.content()).includes("nobody sees this"));
        await page.keyboard.press("Escape");
        assert.deepEqual(faults, []);
        await context.close();
      });
    }
    await t.step("as a viewer", async () => {
      const { context, page, settled } = await open(browser, bed.url, "wide", false);
      await enter(page, bed.link("viewer"));
      for (const path of ["/secrets", "/secrets/registry-token", "/policies"]) {
        await goTo(page, path);
        await settled();
        const buttons = page.locator("#main").getByRole("button").filter({ hasNotText: /^$/ });
        assert.deepEqual(await buttons.allInnerTexts(), [], path);
      }
      await context.close();
    });
  } finally {
    await browser.close();
  }
});

test("in a real realm a secret is set, scoped, given another value and removed; rules are changed; all views follow", async () => {
  await using cluster = await Cluster.start({ nodes: 2 });
  const [node] = cluster.nodes;
  const client = cluster.client(node);
  const value = `s3cret-${crypto.randomUUID()}`;
  const browser = await launch();
  try {
    const { context, page, faults } = await open(browser, node.api, "wide", false);
    const sent: string[] = [];
    page.on("request", (r) => sent.push(`${r.url()} ${r.postData() ?? ""}`));
    await enter(page, await linkOf(cluster));
    const dialog = page.getByRole("dialog");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("set a secret");
    await page.keyboard.press("Enter");
    await dialog.getByRole("textbox", { name: /^Name/ }).fill("token");
    await dialog.getByLabel(/^Value/).fill("abc");
    await dialog.getByRole("button", { name: "Set", exact: true }).click();
    await dialog.getByText(/fewer than 4 bytes/).waitFor();
    await dialog.getByLabel(/^Value/).fill(value);
    await dialog.getByRole("button", { name: "Set", exact: true }).click();
    await page.getByRole("table", { name: "Secrets" }).getByText("token").waitFor();
    const first = await client.secret("token");
    assert.deepEqual(first.holders.map((h) => h.name), ["n0", "n1"]);
    // What another person does is seen at once.
    await cluster.realm("node", "tag", "n1", "deploy");
    await page.getByRole("link", { name: "token" }).click();
    await page.getByRole("button", { name: "Scope" }).click();
    await dialog.getByRole("textbox", { name: "Only on nodes with" }).fill("nosuchtag");
    await dialog.getByRole("button", { name: "Scope" }).click();
    await dialog.getByText(/no member has the tags nosuchtag/).waitFor();
    await dialog.getByRole("textbox", { name: "Only on nodes with" }).fill("deploy");
    await dialog.getByRole("button", { name: "Scope" }).click();
    await page.locator("#main .title").getByText("set another value").waitFor();
    await page.locator("#main").getByText("not in its scope any more").waitFor();
    await page.getByRole("button", { name: "Another value" }).click();
    await dialog.getByLabel(/^Value/).fill(`${value}-again`);
    await dialog.getByRole("button", { name: "Set", exact: true }).click();
    await page.locator("#main .title").getByText("ok", { exact: true }).waitFor();
    const second = await client.secret("token");
    assert.notEqual(second.version, first.version);
    assert.deepEqual([second.holders.map((h) => h.name), second.exposed], [["n1"], []]);
    await page.getByRole("button", { name: "Remove" }).click();
    await dialog.getByText("realm secret remove token").waitFor();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByText("There is no such secret").waitFor();
    assert.ok(
      !sent.some((s) => s.includes(value) || s.includes(btoa(value).slice(0, 40))),
      "the value left the page",
    );

    await page.getByRole("link", { name: "Policies", exact: true }).click();
    await page.getByRole("table", { name: "Rules of the realm" }).getByRole("button", { name: "Change" })
      .first()
      .click();
    await dialog.getByLabel("Value").selectOption("true");
    await dialog.getByText("realm policy set allow_native_execution=true").waitFor();
    await dialog.getByText("[policy]").waitFor();
    await dialog.getByRole("button", { name: "Change" }).click();
    await eventually("the rule is set", async () => (await client.policy()).realm.allow_native_execution);
    await page.getByRole("table", { name: "Nodes and their rules" }).getByText("set for the realm").first()
      .waitFor();
    await page.getByRole("table", { name: "Nodes and their rules" }).getByRole("link", { name: "n1" })
      .click();
    await page.getByRole("row", { name: /native_read/ }).getByRole("button", { name: "Change" }).click();
    await dialog.getByRole("textbox", { name: "Value" }).fill("opt");
    await dialog.getByText(/an absolute path/).waitFor();
    await dialog.getByRole("textbox", { name: "Value" }).fill("/opt, /srv");
    await dialog.getByText("realm policy set 'native_read=/opt,/srv' --node n1").waitFor();
    await dialog.getByRole("button", { name: "Change" }).click();
    await page.getByRole("row", { name: /native_read/ }).getByText("set for it").waitFor();
    await cluster.realm("policy", "set", "allow_native_execution=false", "--node", "n1");
    await page.getByRole("row", { name: /allow_native_execution/ }).getByText("set for it").waitFor();
    // The refused scope, which the browser notes.
    assert.deepEqual(faults.filter((f) => !f.includes("status of 409")), []);
    await context.close();
  } finally {
    await browser.close();
  }
});
