/**
 * Packages in a real browser, every action in every look, each with an app of its own: dropped, looked at, deployed;
 * hostile content stays content.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { RealmClient } from "../../mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import { accessible, everyLook, goTo, launch, linkOf, noSideScroll, packSite, type Tab } from "./bed.ts";

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

/** Packages of one app in two versions. */
interface Versions {
  readonly app: string;
  readonly first: string;
  readonly second: string;
}

async function stands(client: RealmClient, app: string, version: string): Promise<void> {
  await eventually(`${app} ${version} stands`, async () => {
    const a = await client.app(app);
    return a.version === version && a.phase === "steady";
  }, 30_000);
}
const heading = ({ page }: Tab, text: string) =>
  page.getByRole("heading", { name: text, exact: true }).first();

async function chosen(tab: Tab, { app, first }: Versions, client: RealmClient): Promise<void> {
  const { page, shot } = tab;
  await goTo(page, "/packages");
  await page.getByLabel("A file").setInputFiles(first);
  await heading(tab, `${app} 1.0.0`).waitFor();
  await page.getByText("every byte verified").waitFor();
  await page.getByText(/have to be uploaded|is in the realm already/).first().waitFor();
  await page.getByRole("textbox", { name: "Replicas" }).fill("all");
  await page.getByText("--replicas all").waitFor();
  await page.getByRole("table", { name: "Changes by replica" }).getByText("n2").waitFor();
  await accessible(page, "package");
  await noSideScroll(page, "package");
  await shot("package-local");
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.waitForURL(`**/apps/${app}`);
  await stands(client, app, "1.0.0");
}

async function dropped(tab: Tab, { app, second }: Versions, client: RealmClient): Promise<void> {
  const { page, shot } = tab;
  await goTo(page, "/packages");
  await page.getByRole("link", { name: app, exact: true }).first().waitFor();
  const content = (await Deno.readFile(second)).toBase64();
  await page.evaluate(`(() => {
    const bytes = Uint8Array.fromBase64(${JSON.stringify(content)});
    const data = new DataTransfer();
    data.items.add(new File([bytes], "${app}.realm"));
    const zone = document.querySelector(".drop");
    zone.dispatchEvent(new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true }));
    zone.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  })()`);
  await heading(tab, `${app} 1.1.0`).waitFor();
  const replicas = page.getByRole("textbox", { name: "Replicas" });
  assert.equal(await replicas.inputValue(), "all", "what was wished of the app goes on");
  await page.getByText(/^[0-9]+ of [0-9]+ contents have to be uploaded/).waitFor();
  await page.getByRole("button", { name: "Upgrade", exact: true }).click();
  await page.waitForURL(`**/apps/${app}`);
  await stands(client, app, "1.1.0");
  await goTo(page, "/packages");
  const row = page.getByRole("table", { name: "Packages" }).getByRole("row")
    .filter({ hasText: app }).filter({ hasText: "1.1.0" });
  await row.waitFor();
  await noSideScroll(page, "packages");
  await shot("packages");
  await row.getByRole("link").nth(1).click();
  await page.getByRole("button", { name: "Deploy again" }).waitFor();
  await page.getByRole("button", { name: "static", exact: true }).click();
  await page.getByRole("button", { name: "index.html" }).click();
  await page.getByRole("dialog").getByText("<!doctype html>").waitFor();
  await shot("package-file", false);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await replicas.fill("1");
  await page.getByText("--replicas").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Deploy again" }).click();
  await page.waitForURL(`**/apps/${app}`);
  await eventually("it has one replica", async () => {
    const a = await client.app(app);
    return a.wanted === 1 && a.phase === "steady";
  }, 30_000);
}

async function hostile(tab: Tab, folder: string): Promise<void> {
  const { page, shot } = tab;
  await page.keyboard.press("Control+k");
  await page.keyboard.type("deploy a pack");
  await page.keyboard.press("Enter");
  await heading(tab, "Packages").waitFor();
  await page.getByLabel("A folder").setInputFiles(folder);
  await heading(tab, "hostile 0.1.0").waitFor();
  await accessible(page, "deploy");
  await page.getByText("<img src=x onerror=pwned=1>").waitFor();
  await page.getByRole("button", { name: "static", exact: true }).click();
  await page.getByRole("button", { name: "index.html" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("<script>pwned = 1</script>").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "evil.svg" }).click();
  await dialog.getByRole("img").waitFor();
  assert.equal(
    await dialog.getByRole("img").evaluate((e) => (e as unknown as { naturalWidth: number }).naturalWidth),
    80,
  );
  await accessible(page, "preview");
  await shot("package-image", false);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "deep", exact: true }).click();
  await page.getByRole("button", { name: "data.bin" }).click();
  await dialog.getByText("00000010").waitFor();
  await accessible(page, "bytes");
  await shot("package-bytes", false);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "long.txt" }).click();
  await dialog.getByText("the beginning").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate("typeof pwned"), "undefined");
  await noSideScroll(page, "package");
  await shot("package");
}

async function refused(tab: Tab, { app, first }: Versions, folder: string): Promise<void> {
  const { page, shot } = tab;
  await goTo(page, "/packages");
  const file = { name: "note.realm", mimeType: "text/plain", buffer: Buffer.from("no package") };
  await page.getByLabel("A file").setInputFiles(file);
  await page.getByRole("alert").getByText("note.realm is not a package").waitFor();
  await page.getByLabel("A folder").setInputFiles(folder);
  await page.getByRole("alert").getByText("did you mean `version`?").waitFor();
  await noSideScroll(page, "a refused package");
  await shot("package-refused");
  await page.getByLabel("A file").setInputFiles(first);
  await heading(tab, `${app} 1.0.0`).waitFor();
  await page.getByText("an operator can deploy it").waitFor();
  assert.equal(await page.getByRole("button", { name: /^(Deploy|Upgrade)/ }).count(), 0);
}

Deno.test({
  name: "packages: a dropped file or folder is read, looked into and deployed; what is in it never runs",
  ignore: !canRun("browser"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: 3 });
    const origin = cluster.nodes[0].api, client = cluster.client(cluster.nodes[1]);
    const versions: Versions[] = [];
    for (let n = 0; n < 4; n++) {
      const app = `site-${n}`;
      const [first, second] = [await packSite(cluster, "1.0.0", app), await packSite(cluster, "1.1.0", app)];
      versions.push({ app, first, second });
    }
    const folder = await hostileFolder(cluster.root);
    const browser = await launch();
    try {
      {
        await using tabs = await everyLook(browser, origin, await linkOf(cluster));
        await goTo(tabs.all[0].page, "/packages");
        await tabs.all[0].page.getByText("No package was deployed yet").waitFor();
        await t.step(
          "a package file that is chosen is verified, planned and deployed, with its commands",
          () => tabs.each((tab) => chosen(tab, versions[tab.n], client)),
        );
        await t.step(
          "a file that is dropped upgrades, and moves only what changed",
          () => tabs.each((tab) => dropped(tab, versions[tab.n], client)),
        );
        await t.step(
          "a folder is packed in the page; text, images, bytes and hostile names are shown only",
          () => tabs.each((tab) => hostile(tab, folder)),
        );
      }
      await t.step(
        "what is no package is refused with what is wrong; a viewer can look and not deploy",
        async () => {
          await using tabs = await everyLook(browser, origin, await linkOf(cluster, "--role", "viewer"));
          await Deno.writeTextFile(`${folder}/manifest.toml`, '[component]\nname = "a"\nversoin = "1"\n');
          await tabs.each((tab) => refused(tab, versions[tab.n], folder));
        },
      );
    } finally {
      await browser.close();
    }
  },
});
