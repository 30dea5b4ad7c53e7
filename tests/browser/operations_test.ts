/** Storage, manifests, keys and invites in a real browser against a real realm: every action of these views once. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Page } from "playwright-core";
import { parseInviteToken } from "../../mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import { accessible, enter, goTo, launch, linkOf, LOOKS, noSideScroll, open, packSite } from "./bed.ts";

const ignore = !canRun("browser");
const CONTENT = "kept by the realm\n".repeat(20_000);

/** Types into the editor as a person does. */
async function write(page: Page, text: string): Promise<void> {
  const field = page.getByRole("textbox", { name: "Manifest" });
  await field.fill("");
  await field.pressSequentially(text);
}

Deno.test({
  name: "storage, manifests, keys and invites: every action once, at both sizes, light and dark",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: 3 });
    const origin = cluster.nodes[0].api, client = cluster.client(cluster.nodes[0]);
    const browser = await launch();
    try {
      await t.step(
        "a file is kept, its copies are shown, it comes back whole, its pin changes and ends",
        async () => {
          const { context, page, faults, shot } = await open(browser, origin, "wide", false);
          await enter(page, await linkOf(cluster));
          await page.getByRole("link", { name: "Storage" }).click();
          await page.getByText("Nothing is stored yet").waitFor();
          const file = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from(CONTENT) };
          await page.getByLabel("A file").setInputFiles(file);
          const dialog = page.getByRole("dialog");
          await dialog.getByText("realm storage put notes.txt").waitFor();
          await dialog.getByRole("textbox", { name: "Copies" }).fill("0");
          assert.ok(await dialog.getByRole("button", { name: "Store" }).isDisabled());
          await dialog.getByRole("textbox", { name: "Copies" }).fill("3");
          await dialog.getByText("copies = 3").waitFor();
          await shot("storage-put", false);
          await dialog.getByRole("button", { name: "Store" }).click();
          await page.getByRole("heading", { name: "notes.txt" }).waitFor();
          await page.getByText("3 known of 3 wished").waitFor();
          await page.locator("#main .title").getByText("healthy").waitFor();
          await accessible(page, "blob");
          await shot("storage-blob");
          const [download] = await Promise.all([
            page.waitForEvent("download"),
            page.getByRole("button", { name: "Download" }).click(),
          ]);
          assert.equal(download.suggestedFilename(), "notes.txt");
          assert.equal(await Deno.readTextFile((await download.path())!), CONTENT);
          await page.getByRole("button", { name: "Change pin" }).click();
          await dialog.getByRole("textbox", { name: "Copies" }).fill("2");
          await dialog.getByRole("button", { name: "Change pin" }).click();
          await page.getByText("of 2 wished").waitFor();
          await page.getByRole("button", { name: "Unpin" }).click();
          await dialog.getByText("realm storage unpin").waitFor();
          await dialog.getByRole("button", { name: "Unpin" }).click();
          await page.getByText("No promise keeps it").waitFor();
          await page.getByRole("button", { name: "Pin", exact: true }).click();
          await dialog.getByRole("textbox", { name: "Name" }).fill("notes");
          await dialog.getByRole("button", { name: "Pin", exact: true }).click();
          await page.getByRole("heading", { name: "notes", exact: true }).waitFor();
          assert.deepEqual(faults, []);
          await context.close();
        },
      );

      await t.step("an invite made on the page lets a machine in, and a revoked one does not", async () => {
        const { context, page, faults, shot } = await open(browser, origin, "wide", true);
        await enter(page, await linkOf(cluster));
        await page.keyboard.press("Control+k");
        await page.keyboard.type("invite a mach");
        await page.keyboard.press("Enter");
        const dialog = page.getByRole("dialog");
        await dialog.getByRole("textbox", { name: "Tags" }).fill("edge");
        await dialog.getByText("realm invite --tags edge").waitFor();
        await dialog.getByRole("button", { name: "Make the invite" }).click();
        await dialog.getByRole("img", { name: /QR code/ }).waitFor();
        await accessible(page, "invite");
        await shot("invite", false);
        const line = await dialog.locator("pre").innerText();
        assert.match(line, /^realm join realm-invite-1\./);
        await dialog.getByRole("button", { name: "Copy the command to join" }).click();
        assert.equal(await page.evaluate("navigator.clipboard.readText()"), line);
        const token = line.replace("realm join ", "");
        assert.ok(parseInviteToken(token).ok);
        await dialog.getByRole("button", { name: "Done" }).click();
        await cluster.join(token, "n3", 3);
        const tags = async () => (await client.nodes()).find((n) => n.name === "n3")?.tags.includes("edge");
        await eventually("the new node is a member with its tag", tags);
        await page.getByRole("button", { name: "Invite a machine" }).click();
        await dialog.getByRole("button", { name: "Make the invite" }).click();
        const second = (await dialog.locator("pre").innerText()).replace("realm join ", "");
        await dialog.getByRole("button", { name: "Done" }).click();
        await page.getByRole("table", { name: "Invites" }).getByRole("button", { name: "Revoke" }).first()
          .click();
        await dialog.getByText("realm invite --revoke").waitFor();
        await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
        await page.getByRole("table", { name: "Invites" }).getByText("revoked").waitFor();
        const refused = await cluster.run(
          ["join", second, "--name", "n4", "--data-dir", `${cluster.root}/n4`, "--listen", "127.0.0.1:0"],
        );
        assert.notEqual(refused.code, 0, "a revoked invite lets nobody in");
        assert.deepEqual(faults, []);
        await context.close();
      });

      await t.step(
        "a key made on the page signs in with its files, as far as its role goes, until revoked",
        async () => {
          const { context, page, faults, shot } = await open(browser, origin, "wide", false);
          await enter(page, await linkOf(cluster));
          await page.getByRole("link", { name: "Keys & invites" }).click();
          await page.getByRole("button", { name: "Grant a role" }).click();
          const dialog = page.getByRole("dialog");
          await dialog.getByRole("combobox", { name: "Role" }).selectOption("viewer");
          await dialog.getByRole("textbox", { name: "Name" }).fill("ann");
          await dialog.getByLabel("Passphrase").fill("correct horse");
          await dialog.getByText("--role viewer --expires 90d --name ann").waitFor();
          await accessible(page, "grant");
          await shot("grant", false);
          await dialog.getByRole("button", { name: "Grant", exact: true }).click();
          const save = async (name: string) => {
            const [file] = await Promise.all([
              page.waitForEvent("download"),
              dialog.getByRole("button", { name: `Save ${name}` }).click(),
            ]);
            const path = `${cluster.root}/${name}`;
            await file.saveAs(path);
            return path;
          };
          const key = await save("ann.key"), grants = await save("ann.grants.json");
          await dialog.getByRole("button", { name: "Done" }).click();
          await page.getByRole("table", { name: "Keys" }).getByText("ann").waitFor();
          await shot("keys");

          const other = await open(browser, origin, "phone", false);
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
          await other.page.getByRole("table", { name: "Keys" }).getByText("ann").waitFor();
          assert.equal(await other.page.getByRole("button", { name: /Revoke|Invite|Grant/ }).count(), 0);

          const row = page.getByRole("table", { name: "Keys" }).getByRole("row").filter({ hasText: "ann" });
          await row.getByRole("button", { name: "Revoke" }).click();
          await dialog.getByText("revoke = true").waitFor();
          await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
          await row.getByText("revoked").waitFor();
          await other.page.getByText("The session ended").waitFor();
          assert.deepEqual(faults, []);
          await other.context.close();
          await context.close();
        },
      );

      await t.step(
        "a manifest: problems by line, proposals, a plan, and applying it; what stands makes no step",
        async () => {
          const { context, page, faults, shot } = await open(browser, origin, "wide", false);
          await enter(page, await linkOf(cluster));
          await page.getByRole("link", { name: "Apply TOML" }).click();
          const node = (await client.node("n1")).id;
          await write(page, `[node]\nnode = "${node}"\ncordn = true\n`);
          await page.getByText("did you mean `cordon`?").waitFor();
          await page.getByRole("button", { name: "manifest.toml:3" }).waitFor();
          assert.ok(await page.getByRole("button", { name: "Plan" }).isDisabled());
          await accessible(page, "apply with a problem");
          await shot("apply-problem");
          await write(page, "[node]\nnode = n2");
          await page.getByRole("option").first().waitFor();
          await page.keyboard.press("Enter");
          await page.keyboard.press("End");
          await page.keyboard.type("\nta");
          await page.getByRole("option", { name: /^tags = / }).waitFor();
          await accessible(page, "proposals");
          await shot("apply-proposals", false);
          await page.keyboard.press("Enter");
          await page.keyboard.type('["front"]\n\n[app]\npackage = "hello-site.realm"\nreplicas = "all"\n');
          await page.getByText("The manifest names hello-site.realm").waitFor();
          await page.getByLabel("A file").setInputFiles(await packSite(cluster, "1.0.0"));
          await page.getByRole("button", { name: "Plan" }).click();
          await page.getByText("set the tags of n2 to front").waitFor();
          await page.getByText("deploy hello-site 1.0.0").waitFor();
          await accessible(page, "apply with a plan");
          await shot("apply-plan");
          assert.equal((await client.apps()).length, 0, "a plan changes nothing");
          await page.getByRole("button", { name: "Apply 2 changes" }).click();
          await page.getByRole("link", { name: "see hello-site" }).waitFor();
          const stands = async () =>
            (await client.app("hello-site")).phase === "steady" &&
            (await client.node("n2")).tags.includes("front");
          await eventually("it stands", stands);
          await page.getByRole("button", { name: "Plan" }).click();
          await page.getByText("Nothing: all of it stands already").waitFor();
          assert.deepEqual(faults, []);
          await context.close();
        },
      );

      for (const [size, dark] of LOOKS) {
        await t.step(`views at ${size}, ${dark ? "dark" : "light"}`, async () => {
          const { context, page, faults, shot } = await open(browser, origin, size, dark);
          await enter(page, await linkOf(cluster));
          const [blob] = (await client.blobs()).filter((b) => b.pin);
          const [key] = await client.keys();
          const views = {
            storage: ["/storage", "notes"],
            blob: [`/storage/${blob.digest}`, "SHA-256"],
            keys: ["/keys", "owner"],
            key: [`/keys/${key.key}`, "What it did"],
            apply: ["/apply", "A manifest says what shall be"],
          } as const;
          for (const [name, [path, text]] of Object.entries(views)) {
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
          assert.deepEqual(faults, []);
          await context.close();
        });
      }
    } finally {
      await browser.close();
    }
  },
});
