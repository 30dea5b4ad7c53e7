/**
 * Storage, manifests, keys and invites in a real browser against a real realm: every action of these views in every
 * look, in four tabs side by side, each with a file, an invite, a key and an app of its own.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Browser, Page } from "playwright-core";
import { parseInviteToken, type RealmClient } from "../../mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import {
  accessible,
  act,
  everyLook,
  goTo,
  inTurn,
  launch,
  linkOf,
  LOOKS,
  noSideScroll,
  open,
  packSite,
  type Tab,
} from "./bed.ts";

/** Nodes of the realm: one for each look to change. */
const NODES = LOOKS.length;
const CONTENT = "kept by the realm\n".repeat(20_000);
/** The clipboard is the browser's, not a tab's. */
const clipboard = inTurn();

async function look(tab: Tab, name: string, fullPage = true): Promise<void> {
  await accessible(tab.page, name);
  await noSideScroll(tab.page, name);
  await tab.shot(name, fullPage);
}

/** Types into the editor as a person does. */
async function write(page: Page, text: string): Promise<void> {
  const field = page.getByRole("textbox", { name: "Manifest" });
  await field.fill("");
  await field.pressSequentially(text);
}

async function keepFile(tab: Tab): Promise<void> {
  const { page, n } = tab, name = `notes-${n}.txt`, content = `${n} ${CONTENT}`;
  await goTo(page, "/storage");
  await page.getByLabel("A file").setInputFiles({
    name,
    mimeType: "text/plain",
    buffer: Buffer.from(content),
  });
  const dialog = page.getByRole("dialog");
  await dialog.getByText(`realm storage put ${name}`).waitFor();
  await dialog.getByRole("textbox", { name: "Copies" }).fill("0");
  assert.ok(await dialog.getByRole("button", { name: "Store" }).isDisabled());
  await dialog.getByRole("textbox", { name: "Copies" }).fill("3");
  await dialog.getByText("copies = 3").waitFor();
  await look(tab, "storage-put", false);
  await dialog.getByRole("button", { name: "Store" }).click();
  await page.getByRole("heading", { name }).waitFor();
  await page.getByText("3 known of 3 wished").waitFor();
  await page.locator("#main .title").getByText("healthy").waitFor();
  await look(tab, "blob");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), name);
  assert.equal(await Deno.readTextFile((await download.path())!), content);
  const main = page.locator("#main");
  await act(
    tab,
    "Change pin",
    /^realm storage pin/,
    (d) => d.getByRole("textbox", { name: "Copies" }).fill("2"),
    main,
  );
  await page.getByText("of 2 wished").waitFor();
  await act(tab, "Unpin", /^realm storage unpin/, undefined, main);
  await page.getByText("No promise keeps it").waitFor();
  await act(
    tab,
    "Pin",
    /^realm storage pin/,
    (d) => d.getByRole("textbox", { name: "Name" }).fill(`notes-${n}`),
    main,
  );
  await page.getByRole("heading", { name: `notes-${n}`, exact: true }).waitFor();
}

/** The token of an invite with a tag of its own. */
async function makeInvite(tab: Tab): Promise<string> {
  const { page, n } = tab, dialog = page.getByRole("dialog");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("invite a mach");
  await page.keyboard.press("Enter");
  await dialog.getByRole("textbox", { name: "Tags" }).fill(`edge-${n}`);
  await dialog.getByText(`realm invite --tags edge-${n}`).waitFor();
  await dialog.getByRole("button", { name: "Make the invite" }).click();
  await dialog.getByRole("img", { name: /QR code/ }).waitFor();
  await look(tab, "invite", false);
  const line = await dialog.locator("pre").innerText();
  assert.match(line, /^realm join realm-invite-1\./);
  await clipboard(async () => {
    await dialog.getByRole("button", { name: "Copy the command to join" }).click();
    await eventually(
      "it is copied",
      async () => await page.evaluate("navigator.clipboard.readText()") === line,
    );
  });
  const token = line.replace("realm join ", "");
  assert.ok(parseInviteToken(token).ok);
  await dialog.getByRole("button", { name: "Done" }).click();
  return token;
}

async function revokeInvite(tab: Tab): Promise<void> {
  const { page, n } = tab;
  await goTo(page, "/keys");
  const row = page.getByRole("table", { name: "Invites" }).getByRole("row").filter({ hasText: `edge-${n}` });
  await act(tab, "Revoke", /^realm invite --revoke/, undefined, row);
  await row.getByText("revoked").waitFor();
}

/** A key made on the page signs in with its files in a second page, as far as its role goes, until it is revoked. */
async function makeKey(tab: Tab, browser: Browser, cluster: Cluster): Promise<void> {
  const { page, n } = tab, dialog = page.getByRole("dialog"), name = `ann-${n}`;
  const origin = cluster.nodes[0].api, [size, dark] = LOOKS[n];
  await goTo(page, "/keys");
  await page.getByRole("button", { name: "Grant a role" }).click();
  await dialog.getByRole("combobox", { name: "Role" }).selectOption("viewer");
  await dialog.getByRole("textbox", { name: "Name" }).fill(name);
  await dialog.getByLabel("Passphrase").fill("correct horse");
  await dialog.getByText(`--role viewer --expires 90d --name ${name}`).waitFor();
  await look(tab, "grant", false);
  await dialog.getByRole("button", { name: "Grant", exact: true }).click();
  const save = async (file: string) => {
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      dialog.getByRole("button", { name: `Save ${file}` }).click(),
    ]);
    const path = `${cluster.root}/${file}`;
    await saved.saveAs(path);
    return path;
  };
  const key = await save(`${name}.key`), grants = await save(`${name}.grants.json`);
  await dialog.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("table", { name: "Keys" }).getByRole("row").filter({ hasText: name });
  await row.waitFor();

  const other = await open(browser, origin, size, dark);
  await other.page.goto(origin);
  await other.page.getByLabel("Key file").setInputFiles(key);
  await other.page.getByLabel("Its grants").setInputFiles(grants);
  await other.page.getByLabel("Passphrase").fill("wrong");
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await other.page.getByText("the passphrase does not open the key").waitFor();
  await other.page.getByLabel("Passphrase").fill("correct horse");
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await other.page.getByText("live", { exact: true }).waitFor();
  await goTo(other.page, "/keys");
  await other.page.getByRole("table", { name: "Keys" }).getByText(name).waitFor();
  assert.equal(await other.page.getByRole("button", { name: /Revoke|Invite|Grant/ }).count(), 0);

  await act(tab, "Revoke", /revoke = true/, undefined, row);
  await row.getByText("revoked").waitFor();
  await other.page.getByText("The session ended").waitFor();
  await other.context.close();
}

async function applyManifest(tab: Tab, client: RealmClient, file: string): Promise<void> {
  const { page, n } = tab, app = `front-${n}`;
  await goTo(page, "/apply");
  await page.getByText("A manifest says what shall be").waitFor();
  await look(tab, "apply");
  const node = (await client.node(`n${n}`)).id;
  await write(page, `[node]\nnode = "${node}"\ncordn = true\n`);
  await page.getByText("did you mean `cordon`?").waitFor();
  await page.getByRole("button", { name: "manifest.toml:3" }).waitFor();
  assert.ok(await page.getByRole("button", { name: "Plan" }).isDisabled());
  await look(tab, "apply-problem");
  await write(page, `[node]\nnode = n${n}`);
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.press("End");
  await page.keyboard.type("\nta");
  await page.getByRole("option", { name: /^tags = / }).waitFor();
  await look(tab, "apply-proposals", false);
  await page.keyboard.press("Enter");
  const wish = `package = "${app}.realm"\nreplicas = "all"\n`;
  await page.keyboard.type(`["front-${n}"]\n\n[app]\n${wish}`);
  await page.getByText(`The manifest names ${app}.realm`).waitFor();
  await page.getByLabel("A file").setInputFiles(file);
  await page.getByRole("button", { name: "Plan" }).click();
  await page.getByText(`set the tags of n${n} to front-${n}`).waitFor();
  await page.getByText(`deploy ${app} 1.0.0`).waitFor();
  await look(tab, "apply-plan");
  assert.ok((await client.apps()).every((a) => a.name !== app), "a plan changes nothing");
  await page.getByRole("button", { name: "Apply 2 changes" }).click();
  await page.getByRole("link", { name: `see ${app}` }).waitFor();
  const stands = async () =>
    (await client.app(app)).phase === "steady" && (await client.node(`n${n}`)).tags.includes(`front-${n}`);
  await eventually("it stands", stands, 30_000);
  await page.getByRole("button", { name: "Plan" }).click();
  await page.getByText("Nothing: all of it stands already").waitFor();
}

async function views(tab: Tab, client: RealmClient): Promise<void> {
  const { page, n } = tab;
  const [key] = await client.keys();
  const all = {
    storage: ["/storage", `notes-${n}`],
    keys: ["/keys", "owner"],
    key: [`/keys/${key.key}`, "What it did"],
  } as const;
  for (const [name, [path, text]] of Object.entries(all)) {
    await goTo(page, path);
    await page.locator("#main").getByText(text).first().waitFor();
    await look(tab, name);
  }
  await page.keyboard.press("Control+k");
  await page.getByRole("option").first().waitFor();
  await look(tab, "palette", false);
  await page.keyboard.press("Escape");
}

Deno.test({
  name: "storage, manifests, keys and invites: every action in every look",
  ignore: !canRun("browser"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: NODES });
    const origin = cluster.nodes[0].api, client = cluster.client(cluster.nodes[0]);
    const sites = await Promise.all(LOOKS.map((_, n) => packSite(cluster, "1.0.0", `front-${n}`)));
    const browser = await launch();
    try {
      await using tabs = await everyLook(browser, origin, await linkOf(cluster));
      await t.step(
        "a file is kept, its copies are shown, it comes back whole, its pin changes and ends",
        async () => {
          await tabs.each(async ({ page }) => {
            await goTo(page, "/storage");
            await page.getByText("Nothing is stored yet").waitFor();
          });
          await tabs.each(keepFile);
        },
      );
      await t.step("an invite made on the page lets a machine in, and a revoked one does not", async () => {
        const tokens: string[] = [];
        await tabs.each(async (tab) => void (tokens[tab.n] = await makeInvite(tab)));
        const name = `n${NODES}`;
        await cluster.join(tokens[0], name, NODES);
        const tags = async () => (await client.nodes()).find((n) => n.name === name)?.tags.includes("edge-0");
        await eventually("the new node is a member with its tag", tags);
        await tabs.each(async (tab) => {
          if (tab.n > 0) await revokeInvite(tab);
        });
        const refused = await cluster.run(
          [
            "join",
            tokens[1],
            "--name",
            "late",
            "--data-dir",
            `${cluster.root}/late`,
            "--listen",
            "127.0.0.1:0",
          ],
        );
        assert.notEqual(refused.code, 0, "a revoked invite lets nobody in");
      });
      await t.step(
        "a key made on the page signs in with its files, as far as its role goes, until revoked",
        () => tabs.each((tab) => makeKey(tab, browser, cluster)),
      );
      await t.step(
        "a manifest: problems by line, proposals, a plan, and applying it; what stands makes no step",
        () => tabs.each((tab) => applyManifest(tab, client, sites[tab.n])),
      );
      await t.step("views", () => tabs.each((tab) => views(tab, client)));
    } finally {
      await browser.close();
    }
  },
});
