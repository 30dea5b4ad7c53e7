/** Overview, nodes, apps, events and audit in a real browser against a real realm of three nodes. */
import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import type { Page } from "playwright-core";
import { buildSite, enter, goTo, launch, linkOf, lookName, LOOKS, noSideScroll, open, OUT } from "./bed.ts";

const root = new URL("../../", import.meta.url).pathname;

/** Builds and deploys the guest book: a component with a volume, a log and mounts. */
async function deployGuestbook(cluster: Cluster, version: string, ...more: string[]): Promise<void> {
  const built = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "examples/guestbook/build.ts", "--version", version].concat(
      "--out",
      `${cluster.root}/guestbook-${version}`,
    ),
    cwd: root,
  }).output();
  assert.ok(built.success, new TextDecoder().decode(built.stderr));
  await cluster.realm("deploy", new TextDecoder().decode(built.stdout).trim().split("\n").at(-1)!, ...more);
}

Deno.test({
  name: "overview, nodes, apps, events, audit: every view in every look, every action once",
  ignore: !canRun("browser") || !canRun("wasi"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: 3 });
    const site = await buildSite(`${cluster.root}/site`, "1.0.0");
    await cluster.realm("deploy", site, "--replicas", "2");
    await deployGuestbook(cluster, "1.0.0");
    await deployGuestbook(cluster, "1.1.0");
    for (let i = 0; i < 60; i++) {
      const app = i % 3 === 0 ? "guestbook" : "hello-site";
      await (await cluster.fetch(cluster.nodes[i % 3], app)).body?.cancel();
    }
    const client = cluster.client(cluster.nodes[0]);
    await eventually("figures were taken", async () => {
      const { series } = await client.appMetrics("hello-site", { lastMs: 120_000 });
      return series.requests_per_s.filter((v) => v !== null).length >= 2;
    }, 40_000);
    const browser = await launch();
    const origin = cluster.nodes[0].api;
    try {
      for (const [size, dark] of LOOKS) {
        await t.step(`every view at ${lookName(size, dark)}`, async () => {
          const { context, page, faults, shot } = await open(browser, origin, size, dark);
          await enter(page, await linkOf(cluster));
          const { id } = await client.node("n1");
          const views = {
            overview: ["/", "All is well"],
            nodes: ["/nodes", "n2"],
            node: [`/nodes/${id}`, "the chain holds"],
            apps: ["/apps", "hello-site"],
            app: ["/apps/guestbook", "Mounts and volumes"],
            events: ["/events", "is being rolled out"],
            audit: ["/audit", "guestbook"],
            nothing: ["/apps/none", "No such app"],
          } as const;
          for (const [name, [path, text]] of Object.entries(views)) {
            await goTo(page, path);
            await page.locator("#main").getByText(text).first().waitFor();
            if (name === "node" || name === "app") await page.locator(".chart .uplot").first().waitFor();
            if (name === "app") await page.getByText("/data").first().waitFor();
            await noSideScroll(page, name);
            await shot(name);
          }
          assert.deepEqual(faults, []);
          await context.close();
        });
      }
      const signedIn = async (at = origin) => {
        const watched = await open(browser, at, "wide", false);
        await enter(watched.page, await linkOf(cluster, "--connect", at));
        return watched;
      };
      /** Presses a button of a view and, in the dialog that opens, the one that does it. */
      const act = async (page: Page, button: string, line: string, fill?: () => Promise<void>) => {
        await page.locator(".title").getByRole("button", { name: button, exact: true }).click();
        const dialog = page.getByRole("dialog");
        await dialog.getByText(line, { exact: true }).waitFor();
        await fill?.();
        await dialog.getByRole("button", { name: button, exact: true }).click();
        await dialog.waitFor({ state: "detached" });
      };

      await t.step("one event stream keeps every view current", async () => {
        const { context, page, faults } = await signedIn();
        const streams: string[] = [];
        page.on("request", (r) => new URL(r.url()).pathname === "/api/events" && streams.push(r.url()));
        const { id } = await client.node("n2");
        for (const kind of ["node.cordon", "node.uncordon"] as const) {
          await client.command(kind, { node: id });
          const word = kind === "node.cordon" ? "cordoned" : "takes new work again";
          await page.locator(".feed").getByText(word).first().waitFor();
        }
        assert.deepEqual(streams, [], "the stream that was opened at first is the only one");
        assert.deepEqual(faults, []);
        await context.close();
      });

      await t.step("nodes: sort, filter, tags, cordon, uncordon, drain", async () => {
        const { context, page, faults } = await signedIn();
        const { id } = await client.node("n1");
        await goTo(page, "/nodes");
        const names = () => page.locator('.rows .row [role="cell"]:first-child').allTextContents();
        await page.getByRole("row").nth(3).waitFor();
        await page.getByRole("button", { name: "Name" }).click();
        await page.getByRole("button", { name: "Name" }).click();
        assert.deepEqual(await names(), ["n2", "n1", "n0"]);
        await page.getByLabel("Filter").fill("n1 alive");
        await page.getByText("1 of 3").waitFor();
        assert.deepEqual(await names(), ["n1"]);
        await page.getByLabel("Filter").fill("");
        await page.getByRole("button", { name: "Name" }).click();
        await page.getByRole("cell", { name: /^[0-9.]+ ms$/ }).first().waitFor();

        await goTo(page, `/nodes/${id}`);
        await act(
          page,
          "Tags",
          "realm node tag n1",
          () => page.getByRole("dialog").getByLabel("Tags").fill("edge disk=ssd"),
        );
        await page.locator(".tag", { hasText: "disk=ssd" }).waitFor();
        await act(page, "Cordon", "realm node cordon n1");
        await page.getByText("takes no new work; what runs here stays").waitFor();
        await act(page, "Uncordon", "realm node uncordon n1");
        await page.getByText("takes new work", { exact: true }).first().waitFor();
        await page.getByText("the chain holds").waitFor();
        await page.getByRole("table", { name: "Connections" }).getByText(/ms$/).first().waitFor();
        const held = (await client.apps()).flatMap((a) => a.replicas).filter((r) => r.node === id).length;
        assert.ok(held > 0, "something runs there");
        await act(page, "Drain", "realm node drain n1");
        await page.getByText("takes no new work; what runs here moves away").waitFor();
        await eventually("the site's replica moved away", async () => {
          const app = await client.app("hello-site");
          return app.healthy === 2 && app.replicas.every((r) => r.node !== id);
        });
        await page.getByText("n1 is being drained").waitFor();
        await act(page, "Uncordon", "realm node uncordon n1");
        assert.deepEqual(faults, []);
        await context.close();
      });

      await t.step("an app: figures, logs, scale with the rollout seen, roll back", async () => {
        const { context, page, faults } = await signedIn();
        await goTo(page, "/apps/guestbook");
        const stretch = page.getByRole("group", { name: "Stretch of time" });
        for (const word of ["15 min", "24 h", "7 d", "30 d", "1 h"]) {
          await stretch.getByRole("button", { name: word }).click();
          await page.getByText(`--last ${word.replace(" min", "m").replace(" ", "")}`).waitFor();
        }
        await page.getByRole("figure", { name: /^Requests: requests [0-9.]+\/s/ }).waitFor();
        const log = page.getByRole("log");
        await log.locator("div").first().waitFor();
        await page.getByLabel("Only lines that contain").fill("no such words");
        await page.getByText("No line fits.").waitFor();
        await page.getByLabel("Only lines that contain").fill("");
        await page.getByLabel("Only of stream").selectOption("system");
        await page.getByLabel("Only of stream").selectOption("");
        await page.getByRole("button", { name: "Pause" }).click();
        await page.getByRole("button", { name: "Follow" }).click();
        const [logFile] = await Promise.all([
          page.waitForEvent("download"),
          page.getByRole("button", { name: "Save" }).click(),
        ]);
        assert.equal(logFile.suggestedFilename(), "guestbook.log");

        await act(page, "Roll back", "realm app rollback guestbook 1");
        await page.getByRole("table", { name: "Versions" }).getByText("3 rollback").waitFor();
        await eventually("the old version runs", async () => {
          const app = await client.app("guestbook");
          return app.phase === "steady" && app.version === "1.0.0";
        });
        await page.locator(".title").getByText("version 1.0.0").waitFor();
        await goTo(page, "/apps/hello-site");
        await act(
          page,
          "Scale",
          "realm app scale hello-site 2",
          () => page.getByRole("dialog").getByLabel("Replicas").fill("3"),
        );
        await page.getByRole("heading", { name: "3 replicas" }).waitFor();
        await page.locator(".title").getByText("3 / 3").waitFor();
        await act(
          page,
          "Remove",
          "realm app remove hello-site",
          () => page.getByRole("dialog").getByLabel(/to confirm/).fill("hello-site"),
        );
        await page.getByText("No such app").waitFor();
        assert.deepEqual(faults, []);
        await context.close();
      });

      await t.step("the audit: filter, verify, export; events: filter", async () => {
        const { context, page, faults } = await signedIn();
        await goTo(page, "/audit");
        await page.getByLabel("Action").selectOption("app.remove");
        await page.getByText("realm audit list --action app.remove").waitFor();
        await page.getByRole("cell", { name: "hello-site" }).waitFor();
        assert.equal(await page.getByRole("row").count(), 2);
        await page.getByRole("button", { name: "Verify the chain" }).click();
        await page.getByText(/The chain holds: \d+ entries/).waitFor();
        const read = async (button: string) => {
          const [file] = await Promise.all([
            page.waitForEvent("download"),
            page.getByRole("button", { name: button }).click(),
          ]);
          return [file.suggestedFilename(), await Deno.readTextFile(await file.path())];
        };
        const [jsonName, json] = await read("Export JSON lines");
        assert.equal(jsonName, "audit.jsonl");
        assert.equal(JSON.parse(json).action, "app.remove");
        const [csvName, csv] = await read("Export CSV");
        assert.equal(csvName, "audit.csv");
        assert.match(csv, /^n,at,actor,action.*\r\n\d+,20.*app\.remove,hello-site/);
        await page.getByLabel("Time").selectOption("1h");
        await page.getByLabel("Action").selectOption("");
        await page.getByLabel("Time").selectOption("");

        await goTo(page, "/events");
        await page.getByLabel("Filter").fill("drained");
        await page.getByText("n1 is being drained").waitFor();
        await page.getByLabel("warnings and errors alone").check();
        await page.getByText("No event has all these words").waitFor();
        assert.deepEqual(faults, []);
        await context.close();
      });

      await t.step("a node that is killed shows as trouble with its reason, and can be removed", async () => {
        const { context, page, faults, shot } = await signedIn();
        const [, , n2] = cluster.nodes;
        const { id } = await client.node("n2");
        await cluster.kill(n2);
        await page.locator(".problems").getByText("is unreachable").waitFor();
        await page.locator(".problems").getByText("realm why n2").waitFor();
        await page.locator(".feed").getByText("n2 is unreachable").first().waitFor();
        await shot("trouble");
        await page.locator(".problems").getByRole("link", { name: "node n2" }).click();
        await page.getByText(/did not answer/).first().waitFor();
        await shot("unreachable");
        await act(
          page,
          "Remove",
          "realm node remove n2",
          () => page.getByRole("dialog").getByLabel(/to confirm/).fill("n2"),
        );
        await page.locator(".title").getByText("removed").waitFor();
        await eventually("every node knows it", async () => (await client.node(id)).state === "removed");
        assert.deepEqual(faults, []);
        await context.close();
      });

      await t.step(
        "kill -9 of the node that serves the page: it says so, heals by itself, is right, and keeps its place",
        async () => {
          const n1 = cluster.nodes[1];
          const { context, page } = await signedIn(n1.api);
          await goTo(page, "/apps/guestbook");
          await page.getByLabel("Only lines that contain").fill("keep me");
          const low = page.getByRole("heading", { name: "Versions" });
          await low.waitFor();
          await page.getByRole("table", { name: "Versions" }).getByText("3 rollback").waitFor();
          await page.evaluate("scrollTo(0, 500); window.same = true");
          const before = await page.evaluate<number>("scrollY");
          await cluster.kill(n1);
          await page.getByText("No connection to this node").waitFor();
          assert.equal(await page.locator("#main.old").count(), 1, "what is stale looks stale");
          await page.screenshot({ path: `${OUT}wide-light-stale.png` });
          // What changes while it is away must be there when it is back.
          await deployGuestbook(cluster, "1.2.0", "--detach");
          await cluster.restart(n1, ["--api", `127.0.0.1:${new URL(n1.api).port}`]);
          await page.getByText("live", { exact: true }).waitFor();
          await page.locator(".title").getByText("version 1.2.0").waitFor();
          await page.getByRole("table", { name: "Versions" }).getByText("4 deploy").waitFor();
          assert.equal(await page.locator("#main.old").count(), 0);
          assert.equal(await page.evaluate("window.same"), true, "it was not loaded anew");
          assert.equal(new URL(page.url()).pathname, "/apps/guestbook");
          assert.equal(await page.getByLabel("Only lines that contain").inputValue(), "keep me");
          // What is in sight stays there, though what stands above it has grown or shrunk by some lines.
          const after = await page.evaluate<number>("scrollY");
          assert.ok(after > before / 2, `the place is kept: ${before}, then ${after}`);
          await goTo(page, "/events");
          await page.getByText("n1 started").first().waitFor();
          await context.close();
        },
      );
    } finally {
      await browser.close();
    }
  },
});
