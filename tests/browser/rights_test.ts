/** Secrets and policies in the dashboard: every change in every look against a real realm, and what a viewer sees. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Locator } from "playwright-core";
import { defaultPolicy } from "../../agent/protocol/mod.ts";
import type { RealmClient } from "../../mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { createFakeAgent, type FakeAgent } from "../fake_agent.ts";
import { self } from "../test_keys.ts";
import { testNode, testSecret } from "../test_views.ts";
import { canRun } from "../system_packages.ts";
import {
  accessible,
  act,
  enter,
  everyLook,
  fabricated,
  goTo,
  launch,
  linkOf,
  look,
  LOOKS,
  noSideScroll,
  open,
  type Tab,
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
    {
      await using tabs = await everyLook(browser, bed.url, bed.link());
      await tabs.each((tab) => states(tab, agent.nodeViews[2].id));
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
    await t.step("an operator is told that rules and secrets need an admin", async () => {
      const { context, page } = await open(browser, bed.url, "wide", false);
      await enter(page, bed.link("operator"));
      await goTo(page, "/apply");
      for (
        const table of [
          "[policy]\nnative_network = 'full'",
          "[secret]\nname = 'smtp-password'\njobs = ['mail']",
        ]
      ) {
        await page.getByRole("textbox", { name: "Manifest" }).fill(table);
        await page.getByRole("button", { name: "Plan" }).click();
        await page.getByText("It needs the role admin; yours is operator.").waitFor();
        assert.equal(await page.getByRole("button", { name: /^Apply/ }).count(), 0);
      }
      await context.close();
    });
  } finally {
    await browser.close();
  }
});

/** Every state of a secret and every word about a rule. */
async function states(tab: Tab, node: string): Promise<void> {
  const { page, shot } = tab;
  for (
    const [path, name, text] of [
      ["/secrets", "secrets", "set another value"],
      ["/secrets/ssh-deploy-key", "secret", "removed from the realm"],
      ["/secrets/registry-token", "secret-scoped", "release/*"],
      ["/policies", "policies", "its policy.toml"],
      [`/policies/${node}`, "policies-node", "its policy.toml"],
    ] as const
  ) {
    await goTo(page, path);
    await page.getByText(text).first().waitFor();
    await look(tab, name);
  }
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Change" }).first().click();
  await dialog.getByText(/realm policy set allow_native_execution=/).waitFor();
  await accessible(page, "change of a rule");
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
}

const valueOf = (n: number): string => `s3cret-${n}-${crypto.randomUUID()}`;

/** A secret of the look: set, scoped, given another value, removed. */
async function secret(tab: Tab, client: RealmClient, value: string): Promise<void> {
  const { page, shot, faults, n } = tab, name = `token-${n}`, tag = `deploy-${n}`;
  const title = page.locator("#main .title"), dialog = page.getByRole("dialog");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("set a secret");
  await page.keyboard.press("Enter");
  await dialog.getByRole("textbox", { name: /^Name/ }).fill(name);
  await dialog.getByLabel(/^Value/).fill("abc");
  await dialog.getByRole("button", { name: "Set", exact: true }).click();
  await dialog.getByText(/fewer than 4 bytes/).waitFor();
  await noSideScroll(page, "a value that is too short");
  await shot("secrets-set-refused", false);
  await dialog.getByLabel(/^Value/).fill(value);
  await dialog.getByRole("button", { name: "Set", exact: true }).click();
  await page.getByRole("table", { name: "Secrets" }).getByText(name).waitFor();
  const first = await client.secret(name);
  assert.deepEqual(first.holders.map((h) => h.name), ["n0", "n1", "n2"]);

  await page.getByRole("link", { name }).click();
  await act(tab, "Scope", `realm secret scope ${name} --open`, async (dialog) => {
    const nodes = dialog.getByRole("textbox", { name: "Only on nodes with" });
    await nodes.fill("nosuchtag");
    await dialog.getByRole("button", { name: "Scope" }).click();
    await dialog.getByText(/no member has the tags nosuchtag/).waitFor();
    await shot("secrets-scope-refused", false);
    await nodes.fill(tag);
    await dialog.getByText(`realm secret scope ${name} --open --tag ${tag}`).waitFor();
  });
  // The refused scope, which the browser itself notes.
  faults.splice(0, faults.length, ...faults.filter((f) => !f.includes("status of 409")));
  await title.getByText("set another value").waitFor();
  await page.locator("#main").getByText("not in its scope any more").waitFor();
  await look(tab, "secret-exposed");

  await page.getByRole("button", { name: "Another value" }).click();
  const file = { name: "new-value", mimeType: "text/plain", buffer: Buffer.from(`${value}-again`) };
  await dialog.getByLabel("Or the content of a file").setInputFiles(file);
  await dialog.getByText(`realm secret set ${name} --open --tag ${tag} --file new-value`).waitFor();
  await noSideScroll(page, "another value");
  await shot("secrets-another-value", false);
  await dialog.getByRole("button", { name: "Set", exact: true }).click();
  await title.getByText("ok", { exact: true }).waitFor();
  const second = await client.secret(name);
  assert.notEqual(second.version, first.version);
  assert.deepEqual([second.holders.map((h) => h.name), second.exposed], [["n1"], []]);
  await act(tab, "Remove", `realm secret remove ${name}`);
  await page.getByText("No such secret").waitFor();
  await look(tab, "secret-none");
}

/** One rule for each look: what is chosen, and the same as a command line says it. */
const RULES = [
  ["allow_native_execution", "true"],
  ["sandbox_minimum", "namespaced"],
  ["native_network", "full"],
  ["native_read", "/opt,/srv"],
] as const;

/** A rule of the look: set for the realm and for a node, and taken back from both. */
async function rule(tab: Tab, client: RealmClient): Promise<void> {
  const { page, n } = tab, [name, value] = RULES[n];
  const chosen = async (dialog: Locator, text: string) => {
    const field = dialog.getByLabel("Value");
    if (name !== "native_read") await field.selectOption(text === "" ? "not set here" : text);
    else await field.fill(text.replaceAll(",", ", "));
  };
  const set = async (where: string, to: string) => {
    const row = page.getByRole("table", { name: where }).getByRole("row").filter({ hasText: name });
    const node = where === "Rules of the node" ? " --node n1" : "";
    await act(tab, "Change", /^realm policy set /, async (dialog) => {
      if (name === "native_read" && to !== "") {
        await chosen(dialog, "opt");
        await dialog.getByText(/an absolute path/).waitFor();
        assert.ok(await dialog.getByRole("button", { name: "Change" }).isDisabled());
      }
      await chosen(dialog, to);
      await dialog.getByText(new RegExp(`^realm policy set '?${name}=${to}'?${node}$`)).waitFor();
      if (to !== "") await dialog.getByText("[policy]").waitFor();
    }, row);
    return row;
  };
  const realmHas = (wanted: boolean) =>
    eventually(
      `${name} is ${wanted ? "" : "not "}set`,
      async () => (name in (await client.policy()).realm) === wanted,
    );
  await goTo(page, "/policies");
  const ofRealm = await set("Rules of the realm", value);
  await realmHas(true);
  await ofRealm.getByText("set for the realm").waitFor();
  const nodes = page.getByRole("table", { name: "Nodes and their rules" });
  await nodes.getByText("set for the realm").first().waitFor();
  await nodes.getByRole("link", { name: "n1" }).click();
  const ofNode = await set("Rules of the node", value);
  await ofNode.getByText("set for it").waitFor();
  await look(tab, "policies-node-set");
  await set("Rules of the node", "");
  await ofNode.getByText("set for it").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Policies" }).last().click();
  await set("Rules of the realm", "");
  await realmHas(false);
}

test("in a real realm secrets are set, scoped, given another value and removed, rules are changed, in every look", async (t) => {
  await using cluster = await Cluster.start({ nodes: 3 });
  const [node] = cluster.nodes, client = cluster.client(node);
  await cluster.realm("node", "tag", "n1", ...LOOKS.map((_, n) => `deploy-${n}`));
  const browser = await launch();
  try {
    await using tabs = await everyLook(browser, node.api, await linkOf(cluster));
    const sent: string[] = [], values = LOOKS.map((_, n) => valueOf(n));
    for (const { page } of tabs.all) page.on("request", (r) => sent.push(`${r.url()} ${r.postData() ?? ""}`));
    await tabs.each(async (tab) => {
      await goTo(tab.page, "/secrets");
      await tab.page.getByText("There is no secret yet").waitFor();
      await look(tab, "secrets-none");
    });
    await t.step("secrets", () => tabs.each((tab) => secret(tab, client, values[tab.n])));
    for (const value of values) {
      const leaks = sent.filter((s) => s.includes(value) || s.includes(btoa(value).slice(0, 40)));
      assert.deepEqual(leaks, [], "a value left the page");
    }
    await t.step("rules", () => tabs.each((tab) => rule(tab, client)));
    await t.step("what another person changes is seen at once", async () => {
      const { id } = await client.node("n1");
      await tabs.each(({ page }) => goTo(page, `/policies/${id}`));
      await cluster.realm("policy", "set", "allow_native_execution=true", "--node", "n1");
      await tabs.each(({ page }) =>
        page.getByRole("row", { name: /allow_native_execution/ }).getByText("set for it").waitFor()
      );
    });
  } finally {
    await browser.close();
  }
});
