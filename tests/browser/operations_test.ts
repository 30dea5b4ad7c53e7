/**
 * Storage, manifests, keys and invites in a real browser against a real realm: every action of these views once in
 * every look, four tabs side by side, each with its own file, invite, key, node and app.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Browser, Page } from "playwright-core";
import { keyIdOf, newSeed, parseInviteToken, type RealmClient, signerFromSeed } from "../../mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import {
  accessible,
  everyLook,
  goTo,
  inTurn,
  launch,
  linkOf,
  noSideScroll,
  open,
  packSite,
  type Tab,
} from "./bed.ts";

const CONTENT = "kept by the realm\n".repeat(20_000);
/** The clipboard is shared by all tabs. */
const clipboard = inTurn();
/** Nodes to begin with: one for each look. */
const NODES = 4;

/** Types into the editor as a person does. */
async function write(page: Page, text: string): Promise<void> {
  const field = page.getByRole("textbox", { name: "Manifest" });
  await field.fill("");
  await field.pressSequentially(text);
}

async function storage({ page, shot, n }: Tab): Promise<void> {
  const name = `notes-${n}`, content = `${n} ${CONTENT}`;
  await goTo(page, "/storage");
  const file = { name: `${name}.txt`, mimeType: "text/plain", buffer: Buffer.from(content) };
  await page.getByLabel("A file").setInputFiles(file);
  const dialog = page.getByRole("dialog");
  await dialog.getByText(`realm storage put ${name}.txt`).waitFor();
  await dialog.getByRole("textbox", { name: "Copies" }).fill("0");
  assert.ok(await dialog.getByRole("button", { name: "Store" }).isDisabled());
  await dialog.getByRole("textbox", { name: "Copies" }).fill("3");
  await dialog.getByText("copies = 3").waitFor();
  await noSideScroll(page, "storage put");
  await shot("storage-put", false);
  await dialog.getByRole("button", { name: "Store" }).click();
  await page.getByRole("heading", { name: `${name}.txt` }).waitFor();
  // The node that took it in keeps it for a while besides the three that are to.
  await page.getByText(/[34] known of 3 wished/).waitFor();
  await page.locator("#main .title").getByText("healthy").waitFor();
  await accessible(page, "blob");
  await noSideScroll(page, "blob");
  await shot("storage-blob");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), `${name}.txt`);
  assert.equal(await Deno.readTextFile((await download.path())!), content);
  await page.getByRole("button", { name: "Change pin" }).click();
  await dialog.getByRole("textbox", { name: "Copies" }).fill("2");
  await dialog.getByRole("button", { name: "Change pin" }).click();
  await page.getByText("of 2 wished").waitFor();
  await page.getByRole("button", { name: "Unpin" }).click();
  await dialog.getByText("realm storage unpin").waitFor();
  await dialog.getByRole("button", { name: "Unpin" }).click();
  await page.getByText("No promise keeps it").waitFor();
  await page.getByRole("button", { name: "Pin", exact: true }).click();
  await dialog.getByRole("textbox", { name: "Name" }).fill(name);
  await dialog.getByRole("button", { name: "Pin", exact: true }).click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
}

/** The token that the dialog shows. */
async function makeInvite({ page }: Tab): Promise<string> {
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Make the invite" }).click();
  const line = await dialog.locator("pre").innerText();
  assert.match(line, /^realm join realm-invite-1\./);
  return line.replace("realm join ", "");
}

async function invites(tab: Tab, cluster: Cluster, client: RealmClient): Promise<void> {
  const { page, shot, n } = tab, tag = `edge-${n}`;
  await page.keyboard.press("Control+k");
  await page.keyboard.type("invite a mach");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Tags" }).fill(tag);
  await dialog.getByText(`realm invite --tags ${tag}`).waitFor();
  const token = await makeInvite(tab);
  await dialog.getByRole("img", { name: /QR code/ }).waitFor();
  await accessible(page, "invite");
  await noSideScroll(page, "invite");
  await shot("invite", false);
  await clipboard(async () => {
    await page.bringToFront();
    await dialog.getByRole("button", { name: "Copy the command to join" }).click();
    assert.equal(await page.evaluate("navigator.clipboard.readText()"), `realm join ${token}`);
  });
  assert.ok(parseInviteToken(token).ok);
  await dialog.getByRole("button", { name: "Done" }).click();
  // One machine is enough to show that what the page makes lets it in.
  if (n === 0) {
    await cluster.join(token, "joined", NODES);
    const tags = async () => (await client.nodes()).find((m) => m.name === "joined")?.tags.includes(tag);
    await eventually("the new node is a member with its tag", tags);
  }
  // The invite that is revoked is known by its tag: other tabs make some at the same time.
  const revoked = `never-${n}`;
  await page.getByRole("button", { name: "Invite a machine" }).click();
  await dialog.getByRole("textbox", { name: "Tags" }).fill(revoked);
  const second = await makeInvite(tab);
  await dialog.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("table", { name: "Invites" }).getByRole("row").filter({ hasText: revoked });
  await row.getByRole("button", { name: "Revoke" }).click();
  await dialog.getByText("realm invite --revoke").waitFor();
  await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
  await row.getByText("revoked").waitFor();
  // As one does who has nothing but the token.
  const given = `given-${n}`;
  await page.getByRole("button", { name: "Invite a machine" }).click();
  await dialog.getByRole("textbox", { name: "Tags" }).fill(given);
  const third = await makeInvite(tab);
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Revoke one by its token" }).click();
  await dialog.getByRole("textbox", { name: "Token or id" }).fill("no token");
  assert.ok(await dialog.getByRole("button", { name: "Revoke the invite" }).isDisabled());
  await dialog.getByRole("textbox", { name: "Token or id" }).fill(third);
  await noSideScroll(page, "revoke by token");
  await shot("invite-revoke", false);
  await dialog.getByRole("button", { name: "Revoke the invite" }).click();
  await page.getByRole("table", { name: "Invites" }).getByRole("row").filter({ hasText: given })
    .getByText("revoked").waitFor();
  await shot("invites");
  if (n !== 0) return;
  const refused = await cluster.run(
    ["join", second, "--name", "never", "--data-dir", `${cluster.root}/never`, "--listen", "127.0.0.1:0"],
  );
  assert.notEqual(refused.code, 0, "a revoked invite lets nobody in");
}

async function keys(tab: Tab, browser: Browser, origin: string, root: string): Promise<void> {
  const { page, shot, n } = tab, name = `ann-${n}`;
  await goTo(page, "/keys");
  await page.getByRole("button", { name: "Grant a role" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("combobox", { name: "Role" }).selectOption("viewer");
  await dialog.getByRole("textbox", { name: "Name" }).fill(name);
  await dialog.getByLabel("Passphrase").fill("correct horse");
  await dialog.getByText(`--role viewer --expires 90d --name ${name}`).waitFor();
  await accessible(page, "grant");
  await noSideScroll(page, "grant");
  await shot("grant", false);
  await dialog.getByRole("button", { name: "Grant", exact: true }).click();
  const save = async (file: string) => {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      dialog.getByRole("button", { name: `Save ${file}` }).click(),
    ]);
    const path = `${root}/${file}`;
    await download.saveAs(path);
    return path;
  };
  const key = await save(`${name}.key`), grants = await save(`${name}.grants.json`);
  await dialog.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("table", { name: "Keys" }).getByRole("row").filter({ hasText: name });
  await row.waitFor();
  await shot("keys");

  const other = await open(browser, origin, tab.size, tab.dark);
  await other.page.goto(origin);
  await other.page.getByLabel("Key file").setInputFiles(key);
  await other.page.getByLabel("Its grants").setInputFiles(grants);
  await other.page.getByLabel("Passphrase").fill("wrong");
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await other.page.getByText("the passphrase does not open the key").waitFor();
  await noSideScroll(other.page, "sign-in, refused");
  await other.page.getByLabel("Passphrase").fill("correct horse");
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await other.page.getByText("live", { exact: true }).waitFor();
  await goTo(other.page, "/keys");
  await other.page.getByRole("table", { name: "Keys" }).getByText(name).waitFor();
  assert.equal(await other.page.getByRole("button", { name: /Revoke|Invite|Grant/ }).count(), 0);

  // To a key that somebody made elsewhere: nothing but its grants is to be saved.
  const theirs = keyIdOf(signerFromSeed(newSeed()).publicKey);
  await page.getByRole("button", { name: "Grant a role" }).click();
  await dialog.getByLabel("a key that they made").check();
  await dialog.getByRole("textbox", { name: "Key" }).fill("z6Mk");
  await dialog.getByText("a key id begins with z6Mk").waitFor();
  await dialog.getByRole("textbox", { name: "Key" }).fill(theirs);
  await dialog.getByRole("textbox", { name: "Name" }).fill(`bob-${n}`);
  await dialog.getByText(`realm key grant ${theirs} --role operator --expires 90d --name bob-${n}`).waitFor();
  await noSideScroll(page, "grant to a key");
  await shot("grant-key", false);
  await dialog.getByRole("button", { name: "Grant", exact: true }).click();
  await save(`bob-${n}.grants.json`);
  assert.equal(await dialog.getByRole("button", { name: /\.key$/ }).count(), 0);
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByRole("table", { name: "Keys" }).getByText(`bob-${n}`).waitFor();

  await row.getByRole("button", { name: "Revoke" }).click();
  await dialog.getByText("revoke = true").waitFor();
  await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
  await row.getByText("revoked").waitFor();
  await other.page.getByText("The session ended").waitFor();
  await other.context.close();
}

async function manifest(tab: Tab, client: RealmClient, file: string): Promise<void> {
  const { page, shot, n } = tab, name = `n${n}`, app = `site-${n}`;
  const { id } = await client.node(name);
  await goTo(page, "/apply");
  await write(page, `[node]\nnode = "${id}"\ncordn = true\n`);
  await page.getByText("did you mean `cordon`?").waitFor();
  await page.getByRole("button", { name: "manifest.toml:3" }).waitFor();
  assert.ok(await page.getByRole("button", { name: "Plan" }).isDisabled());
  await accessible(page, "apply with a problem");
  await noSideScroll(page, "apply with a problem");
  await shot("apply-problem");
  await write(page, `[node]\nnode = ${name}`);
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.press("End");
  await page.keyboard.type("\nta");
  await page.getByRole("option", { name: /^tags = / }).waitFor();
  await accessible(page, "proposals");
  await noSideScroll(page, "proposals");
  await shot("apply-proposals", false);
  await page.keyboard.press("Enter");
  await page.keyboard.type(`["front"]\n\n[app]\npackage = "${app}.realm"\nreplicas = 2\n`);
  await page.getByText(`The manifest names ${app}.realm`).waitFor();
  await page.getByLabel("A file").setInputFiles(file);
  await page.getByRole("button", { name: "Plan" }).click();
  await page.getByText(`set the tags of ${name} to front`).waitFor();
  await page.getByText(`deploy ${app} 1.0.0`).waitFor();
  await accessible(page, "apply with a plan");
  await noSideScroll(page, "apply with a plan");
  await shot("apply-plan");
  assert.ok((await client.apps()).every((a) => a.name !== app), "a plan changes nothing");
  await page.getByRole("button", { name: "Apply 2 changes" }).click();
  await page.getByRole("link", { name: `see ${app}` }).waitFor();
  const stands = async () =>
    (await client.app(app)).phase === "steady" && (await client.node(name)).tags.includes("front");
  await eventually("it stands", stands, 30_000);
  await page.getByRole("button", { name: "Plan" }).click();
  await page.getByText("Nothing: all of it stands already").waitFor();
  // Jobs are submitted where their files can be chosen.
  const job =
    `[job]\nname = "from-a-manifest-${n}"\ntype = "one-shot"\n[runtime]\ntype = "wasm"\nwasm = "a.wasm"\n`;
  await page.getByRole("textbox", { name: "Manifest" }).fill(job);
  await page.getByRole("button", { name: "submit it there" }).click();
  await page.getByRole("heading", { name: "Submit a job" }).waitFor();
  await page.getByText(`from-a-manifest-${n}`).first().waitFor();
}

async function views({ page, shot }: Tab, client: RealmClient): Promise<void> {
  const [blob] = (await client.blobs()).filter((b) => b.pin);
  const [key] = await client.keys();
  const all = {
    storage: ["/storage", "notes"],
    blob: [`/storage/${blob.digest}`, "SHA-256"],
    keys: ["/keys", "owner"],
    key: [`/keys/${key.key}`, "What it did"],
    apply: ["/apply", "Ctrl Space proposes"],
  } as const;
  for (const [name, [path, text]] of Object.entries(all)) {
    await goTo(page, path);
    await page.locator("#main").getByText(text).first().waitFor();
    await noSideScroll(page, name);
    await accessible(page, name);
    await shot(name);
  }
  await page.keyboard.press("Control+k");
  await page.getByRole("option").first().waitFor();
  await accessible(page, "palette");
  await shot("palette", false);
}

Deno.test({
  name: "storage, manifests, keys and invites: every action in every look",
  ignore: !canRun("browser"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: NODES });
    const origin = cluster.nodes[0].api, client = cluster.client(cluster.nodes[0]);
    const browser = await launch();
    try {
      await using tabs = await everyLook(browser, origin, await linkOf(cluster));
      await goTo(tabs.all[0].page, "/storage");
      await tabs.all[0].page.getByText("Nothing is stored yet").waitFor();
      await t.step(
        "a file is kept, its copies are shown, it comes back whole, its pin changes and ends",
        () => tabs.each(storage),
      );
      await t.step(
        "an invite made on the page lets a machine in, and a revoked one does not",
        () => tabs.each((tab) => invites(tab, cluster, client)),
      );
      await t.step(
        "a key made on the page signs in with its files, as far as its role goes, until revoked",
        () => tabs.each((tab) => keys(tab, browser, origin, cluster.root)),
      );
      const files: string[] = [];
      for (const { n } of tabs.all) files.push(await packSite(cluster, "1.0.0", `site-${n}`));
      await t.step(
        "a manifest: problems by line, proposals, a plan, and applying it; what stands makes no step",
        () => tabs.each((tab) => manifest(tab, client, files[tab.n])),
      );
      await t.step("every view", () => tabs.each((tab) => views(tab, client)));
    } finally {
      await browser.close();
    }
  },
});
