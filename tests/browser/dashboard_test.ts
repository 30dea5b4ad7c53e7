/** The dashboard in a real browser against a real realm of three nodes. Screenshots go to `tests/browser/out/`. */
import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import { enter, goTo, launch, linkOf, lookName, LOOKS, noSideScroll, open } from "./bed.ts";

const ignore = !canRun("browser");

Deno.test({
  name: "the dashboard: signed in and out without a trace, a change by keyboard, and a viewer sees no button",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: 3 });
    const browser = await launch();
    try {
      const origin = cluster.nodes[0].api;
      for (const [size, dark] of LOOKS) {
        await t.step(`signed in and out at ${lookName(size, dark)}`, async () => {
          const { context, page, faults, shot } = await open(browser, origin, size, dark);
          await page.goto(origin);
          await page.getByRole("heading", { name: "Or use a key file" }).waitFor();
          await noSideScroll(page, "sign-in");
          await shot("sign-in");
          await enter(page, await linkOf(cluster));
          const kept = await page.evaluate(
            "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])",
          );
          assert.equal(kept, '[{},{},""]');
          await page.getByRole("button", { name: "Sign out" }).click();
          await page.getByText("the key is forgotten").waitFor();
          assert.deepEqual(faults, []);
          await context.close();
        });
      }

      await t.step("an admin cordons a node by keyboard; the dialog shows the same command", async () => {
        const { context, page, faults, shot } = await open(browser, origin, "wide", false);
        await page.goto(await linkOf(cluster));
        const target = cluster.nodes[2];
        const { id } = await cluster.client(cluster.nodes[0]).node(target.name);
        await page.locator("#main").getByText("n2").first().waitFor();
        await goTo(page, `/nodes/${id}`);
        await page.getByRole("button", { name: "Cordon", exact: true }).focus();
        await page.keyboard.press("Enter");
        const dialog = page.getByRole("dialog");
        await dialog.getByText("realm node cordon n2").waitFor();
        await shot("dialog", false);
        await dialog.getByRole("button", { name: "Cordon", exact: true }).focus();
        await page.keyboard.press("Enter");
        await page.getByRole("button", { name: "Uncordon" }).waitFor();
        await eventually(
          "every node knows it",
          async () =>
            (await Promise.all(cluster.nodes.map((n) => cluster.view(target, n))))
              .every((v) => v.scheduling === "cordoned"),
        );
        assert.deepEqual(faults, []);
        await context.close();
      });

      await t.step("a viewer sees no button that would be refused", async () => {
        const { context, page, faults } = await open(browser, origin, "wide", false);
        await page.goto(await linkOf(cluster, "--role", "viewer"));
        await page.locator("#main").getByText("n1").first().waitFor();
        const { id } = await cluster.client(cluster.nodes[0]).node("n1");
        await goTo(page, `/nodes/${id}`);
        await page.getByText("Runtimes").waitFor();
        for (const change of ["Cordon", "Uncordon", "Drain", "Tags", "Remove"]) {
          assert.equal(await page.locator("#main").getByRole("button", { name: change }).count(), 0, change);
        }
        assert.deepEqual(faults, []);
        await context.close();
      });
    } finally {
      await browser.close();
    }
  },
});
