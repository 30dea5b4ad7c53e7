/** The fleet's upgrade in a real browser: files dropped together, planned, signed in the page, followed, stopped, resumed. */
import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import { makeExecutable, refreshAll, versions } from "../upgrade_bed.ts";
import { accessible, enter, goTo, launch, linkOf, lookName, LOOKS, noSideScroll, open } from "./bed.ts";

const ignore = !canRun("browser");

/** A port that is free now: the page stays at its address when the agent behind it changes. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Bytes that a file manager would take for a program of Windows. */
function windowsProgram(): Uint8Array {
  const bytes = new Uint8Array(4_096), view = new DataView(bytes.buffer);
  bytes.set([0x4d, 0x5a]);
  view.setUint32(0x3c, 128, true);
  view.setUint32(128, 0x50450000);
  view.setUint16(132, 0x8664, true);
  return bytes;
}

Deno.test({
  name:
    "Upgrade: several executables at once, platform by header, signed in the page, live, stopped with the reason, resumed",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const port = freePort();
    await using cluster = await Cluster.start({
      nodes: 3,
      flags: (index) => index === 0 ? ["--api", `127.0.0.1:${port}`] : [],
    });
    const origin = cluster.nodes[0].api, dist = `${cluster.root}/dist`, bad = `${cluster.root}/bad`;
    const good = await makeExecutable(dist, "9.1.0");
    const windows = `${dist}/realm-9.1.0-windows-amd64.exe`, note = `${dist}/README.txt`;
    await Deno.writeFile(windows, windowsProgram());
    await Deno.writeTextFile(note, "no executable");
    const failing = await makeExecutable(bad, "9.0.0", { behaviour: "crashes" });
    const browser = await launch();
    try {
      await t.step("a bad release stops at the canary and the page says why; it can be resumed", async () => {
        const { context, page, faults, shot } = await open(browser, origin, "wide", true);
        await enter(page, await linkOf(cluster));
        await page.getByRole("link", { name: "Upgrade" }).click();
        await page.getByText("all nodes run 0.1.0").waitFor();
        await page.getByLabel("Files").setInputFiles([failing]);
        await page.getByRole("textbox", { name: "Canaries" }).fill("n2");
        await page.getByRole("table", { name: "Plan" }).getByText("canary, first").waitFor();
        await page.getByRole("textbox", { name: "Probation" }).fill("2s");
        await page.getByRole("button", { name: "Sign and start" }).click();
        const current = page.getByRole("table", { name: "Nodes of the upgrade" });
        await current.getByText("rolled back").waitFor({ timeout: 60_000 });
        await page.getByText(/n2 keeps version 0\.1\.0: it ended with exit code 3/).waitFor();
        await shot("upgrade-stopped");
        await accessible(page, "a stopped upgrade");
        await page.getByRole("button", { name: "Resume" }).click();
        await page.getByRole("dialog").getByText("Try again where it failed").waitFor();
        await page.getByText("realm upgrade resume").waitFor();
        await page.keyboard.press("Escape");
        assert.deepEqual(faults, []);
        await context.close();
      });

      await t.step("a good one is planned, signed here, and followed to its end", async () => {
        const { context, page, shot } = await open(browser, origin, "wide", false);
        await enter(page, await linkOf(cluster));
        await page.getByRole("link", { name: "Upgrade" }).click();
        await page.getByLabel("Files").setInputFiles([windows, good, note]);
        const files = page.getByRole("table", { name: "Files of the release" });
        await files.getByText("windows/amd64").waitFor();
        await files.getByText("linux/amd64").waitFor();
        await page.getByText(/Left out, since they are no executables: .*README\.txt/).waitFor();
        await page.getByRole("textbox", { name: "Then at once" }).fill("many");
        await page.getByText("a whole number from 1 to 1000").waitFor();
        assert.ok(await page.getByRole("button", { name: "Sign and start" }).isDisabled());
        await page.getByRole("textbox", { name: "Then at once" }).fill("1");
        await page.getByRole("textbox", { name: "Canaries" }).fill("n1");
        await page.getByRole("textbox", { name: "Probation" }).fill("2s");
        await page.getByText("--canary n1 --batch 1 --probation 2s").waitFor();
        await accessible(page, "an upgrade's plan");
        await shot("upgrade-plan");
        await page.getByRole("button", { name: "Sign and start" }).click();
        const current = page.getByRole("table", { name: "Nodes of the upgrade" });
        await current.getByText("probation").first().waitFor({ timeout: 60_000 });
        await shot("upgrade-running");
        await eventually(
          "the fleet is upgraded",
          async () => (await versions(cluster)).every((line) => line.includes(" 9.1.0 alive")),
          120_000,
        );
        await page.getByText("all nodes run 9.1.0").waitFor({ timeout: 60_000 });
        await page.getByRole("table", { name: "Earlier upgrades" }).getByText("9.0.0").waitFor();
        await shot("upgrade-done");
        await context.close();
      });

      for (const [size, dark] of LOOKS) {
        await t.step(`the view in ${lookName(size, dark)}`, async () => {
          const { context, page, faults, shot, settled } = await open(browser, origin, size, dark);
          await enter(page, await linkOf(cluster));
          await goTo(page, "/upgrade");
          await page.getByRole("table", { name: "Nodes of the upgrade" }).waitFor();
          await settled();
          await noSideScroll(page, "Upgrade");
          await accessible(page, "Upgrade");
          await shot("upgrade");
          assert.deepEqual(faults, []);
          await context.close();
        });
      }
    } finally {
      await browser.close();
      await refreshAll(cluster);
    }
  },
});
