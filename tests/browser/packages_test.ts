/**
 * Packages in a real browser, in every look, in four tabs side by side with an app of its own each: dropped, looked at,
 * deployed; hostile content stays content.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Cluster, eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import {
  accessible,
  everyLook,
  goTo,
  launch,
  linkOf,
  LOOKS,
  noSideScroll,
  packSite,
  type Tab,
} from "./bed.ts";

/** A package folder whose content tries to run in the page that shows it. */
async function hostileFolder(root: string): Promise<string> {
  const dir = `${root}/hostile`;
  await Deno.mkdir(`${dir}/static/deep`, { recursive: true });
  await Deno.writeTextFile(
    `${dir}/manifest.toml`,
    '[component]\nname = "hostile"\nversion = "0.1.0"\n\n[env]\nBAD = "<img src=x onerror=pwned=1>"\n\n[http]\nstatic = "/www"\n\n[[mounts]]\nkind = "static"\nguest = "/www"\nsource = "static/"\n',
  );
  await Deno.writeTextFile(
    `${dir}/static/index.html`,
    "<script>pwned = 1</script><img src=x onerror=pwned=1>",
  );
  await Deno.writeTextFile(
    `${dir}/static/evil.svg`,
    '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80" onload="pwned=1"><script>parent.pwned = 1</script>' +
      '<rect width="80" height="80" fill="teal"/><image href="http://192.0.2.1/x.png"/></svg>',
  );
  await Deno.writeTextFile(`${dir}/static/deep/\u202etxt.exe`, "right to left");
  await Deno.writeFile(`${dir}/static/deep/data.bin`, new Uint8Array(3_000).map((_, i) => i));
  await Deno.writeTextFile(`${dir}/static/deep/long.txt`, "a long line ".repeat(30_000));
  return dir;
}

const app = (n: number): string => `site-${n}`;

async function look(tab: Tab, name: string, fullPage = true): Promise<void> {
  await accessible(tab.page, name);
  await noSideScroll(tab.page, name);
  await tab.shot(name, fullPage);
}

async function openFile({ page, n }: Tab, file: string): Promise<void> {
  await goTo(page, "/packages");
  await page.getByText("No package was deployed yet").waitFor();
  await page.getByLabel("A file").setInputFiles(file);
  await page.getByRole("heading", { name: `${app(n)} 1.0.0` }).waitFor();
  await page.getByText("every byte verified").waitFor();
  await page.getByText("have to be uploaded").waitFor();
}

async function deployIt(tab: Tab): Promise<void> {
  const { page, n } = tab;
  await page.getByRole("textbox", { name: "Replicas" }).fill("all");
  await page.getByText("--replicas all").waitFor();
  await page.getByRole("table", { name: "Changes by replica" }).getByText("n2").waitFor();
  await look(tab, "package-local");
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.waitForURL(`**/apps/${app(n)}`);
}

async function dropIt(tab: Tab, file: string): Promise<void> {
  const { page, n } = tab;
  await goTo(page, "/packages");
  await page.getByRole("link", { name: app(n), exact: true }).waitFor();
  const content = (await Deno.readFile(file)).toBase64();
  await page.evaluate(`(() => {
    const bytes = Uint8Array.fromBase64(${JSON.stringify(content)});
    const data = new DataTransfer();
    data.items.add(new File([bytes], "${app(n)}.realm"));
    const zone = document.querySelector(".drop");
    zone.dispatchEvent(new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true }));
    zone.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  })()`);
  await page.getByRole("heading", { name: `${app(n)} 1.1.0` }).waitFor();
  await page.getByText(/^[0-9]+ of [0-9]+ contents have to be uploaded/).waitFor();
}

async function upgradeIt(tab: Tab): Promise<void> {
  const { page, n } = tab;
  await page.getByRole("button", { name: "Upgrade", exact: true }).click();
  await page.waitForURL(`**/apps/${app(n)}`);
}

async function inThere(tab: Tab): Promise<void> {
  const { page, n } = tab;
  await goTo(page, "/packages");
  const row = page.getByRole("table", { name: "Packages" }).getByRole("row").filter({ hasText: app(n) });
  await row.filter({ hasText: "1.1.0" }).waitFor();
  await look(tab, "packages");
  await row.filter({ hasText: "1.1.0" }).getByRole("link").nth(1).click();
  await page.getByRole("button", { name: "Deploy again" }).waitFor();
  await page.getByRole("button", { name: "static", exact: true }).click();
  await page.getByRole("button", { name: "index.html" }).click();
  await page.getByRole("dialog").getByText("<!doctype html>").waitFor();
  await look(tab, "package-file", false);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

async function lookInto(tab: Tab, folder: string): Promise<void> {
  const { page } = tab, dialog = page.getByRole("dialog");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("deploy a pack");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Packages", exact: true }).waitFor();
  await page.getByLabel("A folder").setInputFiles(folder);
  await page.getByRole("heading", { name: "hostile 0.1.0" }).waitFor();
  await page.getByText("<img src=x onerror=pwned=1>").waitFor();
  await page.getByRole("button", { name: "static", exact: true }).click();
  await page.getByRole("button", { name: "index.html" }).click();
  await dialog.getByText("<script>pwned = 1</script>").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "evil.svg" }).click();
  await dialog.getByRole("img").waitFor();
  assert.equal(
    await dialog.getByRole("img").evaluate((e) => (e as unknown as { naturalWidth: number }).naturalWidth),
    80,
  );
  await look(tab, "package-image", false);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "deep", exact: true }).click();
  await page.getByRole("button", { name: "data.bin" }).click();
  await dialog.getByText("00000010").waitFor();
  await look(tab, "package-bytes", false);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "long.txt" }).click();
  await dialog.getByText("the beginning").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate("typeof pwned"), "undefined");
  await look(tab, "package");
}

async function refused(tab: Tab, folder: string, first: string): Promise<void> {
  const { page, n } = tab;
  await goTo(page, "/packages");
  const note = { name: "note.realm", mimeType: "text/plain", buffer: Buffer.from("no package") };
  await page.getByLabel("A file").setInputFiles(note);
  await page.getByRole("alert").getByText("note.realm is not a package").waitFor();
  await page.getByLabel("A folder").setInputFiles(folder);
  await page.getByRole("alert").getByText("did you mean `version`?").waitFor();
  await look(tab, "package-refused");
  await page.getByLabel("A file").setInputFiles(first);
  await page.getByRole("heading", { name: `${app(n)} 1.0.0` }).waitFor();
  await page.getByText("an operator can deploy it").waitFor();
  assert.equal(await page.getByRole("button", { name: /^(Deploy|Upgrade)/ }).count(), 0);
}

Deno.test({
  name:
    "packages: a dropped file or folder is read, looked into and deployed in every look; what is in it never runs",
  ignore: !canRun("browser"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: 3 });
    const origin = cluster.nodes[0].api, client = cluster.client(cluster.nodes[1]);
    const pack = (version: string) => Promise.all(LOOKS.map((_, n) => packSite(cluster, version, app(n))));
    const first = await pack("1.0.0"), second = await pack("1.1.0");
    const folder = await hostileFolder(cluster.root);
    const steady = (version: string) =>
      eventually(`${version} stands everywhere`, async () => {
        const all = await Promise.all(LOOKS.map((_, n) => client.app(app(n))));
        return all.every((a) => a.version === version && a.phase === "steady");
      }, 30_000);
    const browser = await launch();
    try {
      {
        await using tabs = await everyLook(browser, origin, await linkOf(cluster));
        await t.step(
          "a package file that is chosen is verified, planned and deployed, with its commands",
          async () => {
            await tabs.each((tab) => openFile(tab, first[tab.n]));
            await tabs.each(deployIt);
            await steady("1.0.0");
          },
        );
        await t.step("a file that is dropped upgrades, and moves only what changed", async () => {
          await tabs.each((tab) => dropIt(tab, second[tab.n]));
          await tabs.each(upgradeIt);
          await steady("1.1.0");
        });
        await t.step("what is in a package of the realm", () => tabs.each(inThere));
        await t.step(
          "a folder is packed in the page; text, images, bytes and hostile names are shown only",
          () => tabs.each((tab) => lookInto(tab, folder)),
        );
      }
      await t.step(
        "what is no package is refused with what is wrong; a viewer can look and not deploy",
        async () => {
          await Deno.writeTextFile(`${folder}/manifest.toml`, '[component]\nname = "a"\nversoin = "1"\n');
          await using tabs = await everyLook(browser, origin, await linkOf(cluster, "--role", "viewer"));
          await tabs.each((tab) => refused(tab, folder, first[tab.n]));
        },
      );
    } finally {
      await browser.close();
    }
  },
});
