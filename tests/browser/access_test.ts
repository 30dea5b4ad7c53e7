/** Every view for those who use no mouse or no screen, and with names that want to be more than names. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Locator, Page } from "playwright-core";
import { Cluster, eventually } from "../cluster.ts";
import { realm } from "../test_keys.ts";
import { nouns } from "../../ui/app/nouns.ts";
import { canRun } from "../system_packages.ts";
import {
  accessible,
  deploySite,
  everyLook,
  fabricated,
  goTo,
  launch,
  LOOKS,
  noSideScroll,
  open,
  packSite,
} from "./bed.ts";
import { hostileAgent, IMG } from "./hostile.ts";

const ignore = !canRun("browser");
Deno.test({
  name: "every view is accessible and shows hostile names as text, at both sizes, light and dark",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const { agent, digest } = hostileAgent();
    await using bed = fabricated(agent);
    const browser = await launch();
    try {
      await Promise.all(LOOKS.map(async ([size, dark]) => {
        const { context, page } = await open(browser, bed.url, size, dark);
        await page.goto(bed.url);
        await page.getByRole("heading", { name: "Or use a key file" }).waitFor();
        await accessible(page, "sign-in");
        await context.close();
      }));
      await using tabs = await everyLook(browser, bed.url, bed.link());
      await tabs.each(async ({ page, settled, shot, n }) => {
        const node = encodeURIComponent(agent.nodeViews[0].id);
        const paths = [
          "/",
          ...nouns.map((noun) => `/${noun}`),
          `/nodes/${node}`,
          "/apps/app-0",
          "/jobs/new",
          "/jobs/scheduled",
          "/jobs/services",
        ]
          .concat([`/storage/${digest}`, `/keys/${realm}`]);
        for (const path of paths) {
          await goTo(page, path);
          await settled();
          await accessible(page, path);
          await noSideScroll(page, path);
          assert.equal(await page.locator('img[src="x"], a[href^="javascript"]').count(), 0, path);
        }
        await goTo(page, "/nodes");
        await page.getByText(IMG).first().waitFor();
        await page.getByText("\\u202eeman").first().waitFor();
        await shot("hostile");
        // The palette holds the focus before the next event, so that no key typed right after is lost.
        assert.equal(
          await page.evaluate(`dispatchEvent(new KeyboardEvent("keydown", { key: "k", ctrlKey: true }));
              new Promise((done) => setTimeout(() => done(document.activeElement?.getAttribute("role"))))`),
          "combobox",
        );
        await page.keyboard.type("drain img");
        await page.keyboard.press("Enter");
        await page.getByRole("dialog").getByText(IMG).first().waitFor();
        await accessible(page, "dialog");
        await shot("hostile-dialog", false);
        await page.keyboard.press("Escape");
        // Both sizes and both schemes, each once.
        if (n === 0 || n === 3) await dialogs(page);
        assert.equal(await page.evaluate("typeof pwned"), "undefined");
      });
    } finally {
      await browser.close();
    }
  },
});

/** Opens every other dialog once, by what opens it for a person, and looks at each with axe. */
async function dialogs(page: Page): Promise<void> {
  const dialog = page.getByRole("dialog");
  const seek = async (words: string) => {
    await page.getByRole("button", { name: /Go to or do anything/ }).click();
    await page.getByRole("combobox", { name: "View, object or action" }).fill(words);
    await page.getByRole("option").first().waitFor();
    await page.keyboard.press("Enter");
  };
  const look = async (what: string) => {
    await dialog.getByRole("button", { name: "Close" }).waitFor();
    await accessible(page, what);
    await noSideScroll(page, what);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  };
  await seek("invite a machine");
  await dialog.getByRole("button", { name: "Make the invite" }).waitFor();
  await accessible(page, "invite");
  await dialog.getByRole("button", { name: "Make the invite" }).click();
  await dialog.getByRole("img", { name: /QR code/ }).waitFor();
  await look("invite made");
  await seek("grant a role");
  await dialog.getByLabel("a key that they made").check();
  await look("grant");
  await seek("keep a file");
  await page.getByLabel("A file").setInputFiles({
    name: `${IMG.replaceAll("/", "")}\u202etxt`,
    mimeType: "text/plain",
    buffer: Buffer.from("content"),
  });
  await dialog.getByText("copies = 2").waitFor();
  await look("put a file");
  for (
    const words of [
      "scale app-0",
      "remove app-0",
      "roll back app-0",
      "unpin img",
      "change pin img",
      "revoke <img",
      "run again run-1",
      "run failed again run-1",
      "pause img",
    ]
  ) {
    await seek(words);
    await look(words);
  }
}

/** Presses Tab until `wanted` has the focus. */
async function tabTo(page: Page, wanted: Locator, what: string): Promise<void> {
  await wanted.waitFor();
  for (let presses = 0; presses < 120; presses++) {
    if (await wanted.evaluate((e) => e === e.ownerDocument.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not reach ${what}`);
}
const enterOn = async (page: Page, wanted: Locator, what: string) => {
  await tabTo(page, wanted, what);
  await page.keyboard.press("Enter");
};
/** Opens a file field or a button for files by the keyboard and gives it a file. */
async function choose(page: Page, wanted: Locator, what: string, file: string): Promise<void> {
  await tabTo(page, wanted, what);
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Space")]);
  await chooser.setFiles(file);
}

Deno.test({
  name: "by keyboard alone: sign-in, deploy, rollback and drain; dialogs hold the focus and give it back",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 3 });
    await deploySite(cluster, "1.0.0");
    const file = await packSite(cluster, "1.1.0");
    const client = cluster.client(cluster.nodes[0]);
    const stands = (version: string) =>
      eventually(`${version} stands`, async () => {
        const app = await client.app("hello-site");
        return app.version === version && app.phase === "steady";
      });
    const browser = await launch();
    try {
      const { context, page, faults } = await open(browser, cluster.nodes[0].api, "wide", false);
      // From here on choosers are told of: asked for only with the key that opens one, that would come too late.
      page.on("filechooser", () => {});
      await page.goto(cluster.nodes[0].api);
      await choose(page, page.getByLabel("Key file"), "the key file", `${cluster.root}/n0/keys/owner.key`);
      await enterOn(page, page.getByRole("button", { name: "Sign in" }), "Sign in");
      await page.getByText("live", { exact: true }).waitFor();

      await page.keyboard.press("Control+k");
      await page.keyboard.type("deploy a package");
      await page.keyboard.press("Enter");
      await choose(page, page.getByRole("button", { name: "Choose a file" }), "Choose a file", file);
      await enterOn(page, page.getByRole("button", { name: "Upgrade", exact: true }), "Upgrade");
      await page.waitForURL("**/apps/hello-site");
      await stands("1.1.0");

      await enterOn(page, page.getByRole("button", { name: "Roll back" }).first(), "Roll back");
      const dialog = page.getByRole("dialog");
      await dialog.getByText("realm app rollback hello-site 1").waitFor();
      const inside = "document.querySelector('dialog').contains(document.activeElement)";
      for (let presses = 0; presses < 12; presses++) {
        await page.keyboard.press(presses < 6 ? "Tab" : "Shift+Tab");
        assert.ok(await page.evaluate(inside), `the focus left the dialog after ${presses + 1} presses`);
      }
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      assert.equal(await page.evaluate("document.activeElement.textContent"), "Roll back");
      await page.keyboard.press("Enter");
      await enterOn(
        page,
        dialog.getByRole("button", { name: "Roll back", exact: true }),
        "Roll back in the dialog",
      );
      await stands("1.0.0");

      await page.keyboard.press("Control+k");
      await page.keyboard.type("drain n2");
      await page.keyboard.press("Enter");
      await enterOn(page, dialog.getByRole("button", { name: "Drain", exact: true }), "Drain in the dialog");
      await eventually("n2 drains", async () => (await client.node("n2")).scheduling === "draining");
      assert.deepEqual(faults, []);
      await context.close();
    } finally {
      await browser.close();
    }
  },
});
