/**
 * Sign-in, overview, nodes, apps, events and audit in a real browser against a real realm, every action in every look:
 * four tabs work side by side, each with a node and an app of its own.
 */
import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import type { RealmClient } from "../../mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import {
  act,
  buildSite,
  deployForLooks,
  enter,
  everyLook,
  goTo,
  launch,
  linkOf,
  lookName,
  LOOKS,
  noSideScroll,
  open,
  type Tab,
  type Tabs,
} from "./bed.ts";

const root = new URL("../../", import.meta.url).pathname;
/** Nodes of the realm itself; each look has one more that it may drain, lose and remove. */
const NODES = 3;
const spare = (n: number): string => `n${NODES + n}`;
const site = (n: number): string => `site-${n}`;
const book = (n: number): string => `book-${n}`;

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

async function signInAndOut(browser: Browser, origin: string, link: string): Promise<void> {
  await Promise.all(LOOKS.map(async ([size, dark]) => {
    const { context, page, faults, shot } = await open(browser, origin, size, dark);
    await page.goto(origin);
    await page.getByRole("heading", { name: "Or use a key file" }).waitFor();
    await noSideScroll(page, "sign-in");
    await shot("sign-in");
    await enter(page, link);
    const kept = await page.evaluate(
      "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])",
    );
    assert.equal(kept, '[{},{},""]');
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("the key is forgotten").waitFor();
    await enter(page, link);
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("sign out");
    await page.keyboard.press("Enter");
    await page.getByText("the key is forgotten").waitFor();
    assert.deepEqual(faults, [], lookName(size, dark));
    await context.close();
  }));
}

async function everyView(tab: Tab, node: string): Promise<void> {
  const { page, shot } = tab;
  const views = {
    overview: ["/", "All is well"],
    nodes: ["/nodes", "n2"],
    node: [`/nodes/${node}`, "the chain holds"],
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
}

async function nodeActions(tab: Tab, client: RealmClient): Promise<void> {
  const { page, look } = tab, name = spare(tab.n);
  const { id } = await client.node(name);
  await goTo(page, "/nodes");
  await page.getByLabel("Filter").fill("");
  const names = () => page.locator('.rows .row [role="cell"]:first-child').allTextContents();
  await page.getByRole("row").nth(NODES).waitFor();
  // A phone has no heads of columns to sort by.
  if (look.startsWith("wide")) {
    await page.getByRole("button", { name: "Name" }).click();
    await page.getByRole("button", { name: "Name" }).click();
    assert.deepEqual(
      await names(),
      Array.from({ length: NODES + LOOKS.length }, (_, i) => `n${i}`).reverse(),
    );
  }
  await page.getByLabel("Filter").fill(`${name} ${id} alive`);
  await page.getByText(`1 of ${NODES + LOOKS.length}`).waitFor();
  assert.deepEqual(await names(), [name]);
  await page.getByLabel("Filter").fill("");
  if (look.startsWith("wide")) {
    await page.getByRole("button", { name: "Name" }).click();
    await page.getByRole("cell", { name: /^[0-9.]+ ms$/ }).first().waitFor();
  }

  await goTo(page, `/nodes/${id}`);
  await act(
    tab,
    "Tags",
    `realm node tag ${name}`,
    (dialog) => dialog.getByLabel("Tags").fill("edge disk=ssd"),
  );
  await page.locator(".tag", { hasText: "disk=ssd" }).waitFor();
  await act(tab, "Cordon", `realm node cordon ${name}`);
  await page.getByText("takes no new work; what runs here stays").waitFor();
  await act(tab, "Uncordon", `realm node uncordon ${name}`);
  await page.getByText("takes new work", { exact: true }).first().waitFor();
  await page.getByText("the chain holds").waitFor();
  await page.getByRole("table", { name: "Connections" }).getByText(/ms$/).first().waitFor();
  const here = async () => (await client.app("hello-site")).replicas.some((r) => r.node === id);
  await eventually("something runs there", here, 30_000);
  await act(tab, "Drain", `realm node drain ${name}`);
  await page.getByText("takes no new work; what runs here moves away").waitFor();
  await eventually("the site's replica moved away", async () => !await here(), 30_000);
  await page.getByText(`${name} is being drained`).waitFor();
  await act(tab, "Uncordon", `realm node uncordon ${name}`);
}

async function appFigures({ page }: Tab): Promise<void> {
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
}

async function appActions(tab: Tab, client: RealmClient): Promise<void> {
  const { page } = tab, name = site(tab.n);
  await goTo(page, `/apps/${name}`);
  await act(tab, "Roll back", `realm app rollback ${name} 1`);
  await page.getByRole("table", { name: "Versions" }).getByText("3 rollback").waitFor();
  await eventually("the old version runs", async () => {
    const app = await client.app(name);
    return app.phase === "steady" && app.version === "1.0.0";
  }, 30_000);
  await page.locator(".title").getByText("version 1.0.0").waitFor();
  await act(
    tab,
    "Scale",
    `realm app scale ${name} 2`,
    (dialog) => dialog.getByLabel("Replicas").fill("3"),
  );
  await page.getByRole("heading", { name: "3 replicas" }).waitFor();
  await page.locator(".title").getByText("3 / 3").waitFor();
  await act(
    tab,
    "Remove",
    `realm app remove ${name}`,
    (dialog) => dialog.getByLabel(/to confirm/).fill(name),
  );
  await page.getByText("No such app").waitFor();
}

/** An app goes with its volume, which no node has any more. */
async function removedWithVolumes(tab: Tab, cluster: Cluster): Promise<void> {
  const { page } = tab, name = book(tab.n);
  const lie = () =>
    cluster.nodes.flatMap(({ dataDir }) => {
      try {
        return [...Deno.readDirSync(`${dataDir}/state/components/${name}`)];
      } catch {
        return [];
      }
    });
  assert.equal(lie().length, 1);
  await goTo(page, `/apps/${name}`);
  await act(tab, "Remove", `realm app remove ${name}`, async (dialog) => {
    await dialog.getByLabel("Also delete its volumes, for ever").check();
    await dialog.getByText(`realm app remove ${name} --volumes`, { exact: true }).waitFor();
    await dialog.getByLabel(/to confirm/).fill(name);
  });
  await page.getByText("No such app").waitFor();
  await eventually("no node has its data", () => lie().length === 0);
}

async function auditActions({ page, n }: Tab): Promise<void> {
  await goTo(page, "/audit");
  await page.getByLabel("Action").selectOption("app.remove");
  await page.getByText("realm audit list --action app.remove").waitFor();
  await page.getByRole("cell", { name: site(n) }).waitFor();
  await page.getByRole("cell", { name: book(n) }).waitFor();
  assert.equal(await page.getByRole("row").count(), 1 + 2 * LOOKS.length);
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
  assert.equal(JSON.parse(json.split("\n")[0]).action, "app.remove");
  const [csvName, csv] = await read("Export CSV");
  assert.equal(csvName, "audit.csv");
  assert.match(csv, /^n,at,actor,action.*\r\n\d+,20.*app\.remove,(site|book)-/);
  await page.getByLabel("Time").selectOption("1h");
  await page.getByLabel("Action").selectOption("");
  await page.getByLabel("Time").selectOption("");

  await goTo(page, "/events");
  await page.getByLabel("Filter").fill("drained");
  await page.getByText(`${spare(n)} is being drained`).waitFor();
  await page.getByLabel("warnings and errors alone").check();
  await page.getByText("No event has all these words").waitFor();
  await page.getByLabel("warnings and errors alone").uncheck();
  await page.getByLabel("Filter").fill("");
}

/** The spare nodes have been killed. */
async function lostNode(tab: Tab, client: RealmClient): Promise<void> {
  const { page, shot } = tab, name = spare(tab.n);
  const { id } = await client.node(name);
  await goTo(page, "/");
  const problems = page.locator(".problems");
  await problems.getByText("is unreachable").first().waitFor();
  // An app that waits for this node names the same command in a row of its own.
  const link = page.getByRole("link", { name: `node ${name}` });
  await problems.getByRole("listitem").filter({ has: link }).getByText(`realm why ${name}`).waitFor();
  await page.locator(".feed").getByText("is unreachable").first().waitFor();
  await noSideScroll(page, "trouble");
  await shot("trouble");
  await problems.getByRole("link", { name: `node ${name}` }).click();
  await page.getByText(/did not answer/).first().waitFor();
  await shot("unreachable");
  await act(
    tab,
    "Remove",
    `realm node remove ${name}`,
    (dialog) => dialog.getByLabel(/to confirm/).fill(name),
  );
  await page.locator(".title").getByText("removed").waitFor();
  await eventually("every node knows it", async () => (await client.node(id)).state === "removed");
}

/** Kills the node that serves the pages, lets something change, and starts it again. */
async function killedAndBack(tabs: Tabs, cluster: Cluster): Promise<void> {
  const n1 = cluster.nodes[1], before: number[] = [];
  await tabs.each(async ({ page, n }) => {
    await goTo(page, "/apps/guestbook");
    await page.getByLabel("Only lines that contain").fill("keep me");
    await page.getByRole("table", { name: "Versions" }).getByText("2 deploy").waitFor();
    await page.evaluate("scrollTo(0, 500); window.same = true");
    before[n] = await page.evaluate<number>("scrollY");
  });
  await cluster.kill(n1);
  for (const { page, faults, shot } of tabs.all) {
    await page.getByText("No connection to this node").waitFor();
    assert.equal(await page.locator("#main.old").count(), 1, "what is stale looks stale");
    await shot("stale", false);
    // The browser itself writes refused connections into its console.
    faults.length = 0;
  }
  // What changes while it is away must be there when it is back.
  await deployGuestbook(cluster, "1.2.0", "--detach");
  await cluster.restart(n1, ["--api", `127.0.0.1:${new URL(n1.api).port}`]);
  for (const { page, faults } of tabs.all) {
    await page.getByText("live", { exact: true }).waitFor();
    faults.length = 0;
  }
  await tabs.each(async ({ page, n }) => {
    await page.locator(".title").getByText("version 1.2.0").waitFor();
    await page.getByRole("table", { name: "Versions" }).getByText("3 deploy").waitFor();
    assert.equal(await page.locator("#main.old").count(), 0);
    assert.equal(await page.evaluate("window.same"), true, "it was not loaded anew");
    assert.equal(new URL(page.url()).pathname, "/apps/guestbook");
    assert.equal(await page.getByLabel("Only lines that contain").inputValue(), "keep me");
    // What is in sight stays there, though what stands above it has grown or shrunk by some lines.
    const after = await page.evaluate<number>("scrollY");
    assert.ok(after > before[n] / 2, `the place is kept: ${before[n]}, then ${after}`);
    await goTo(page, "/events");
    await page.getByText("n1 started").first().waitFor();
  });
}

Deno.test({
  name: "sign-in, overview, nodes, apps, events, audit: every view and every action in every look",
  ignore: !canRun("browser") || !canRun("wasi"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: NODES + LOOKS.length });
    const client = cluster.client(cluster.nodes[0]), origin = cluster.nodes[0].api;
    for (const version of ["1.0.0", "1.1.0"]) {
      await cluster.realm("deploy", await buildSite(`${cluster.root}/site`, version), "--replicas", "all");
      await deployForLooks(client, "hello-site", site, 2);
    }
    await deployGuestbook(cluster, "1.0.0");
    await deployGuestbook(cluster, "1.1.0");
    await deployForLooks(client, "guestbook", book, 1);
    for (let i = 0; i < 60; i++) {
      const app = i % 3 === 0 ? "guestbook" : "hello-site";
      await (await cluster.fetch(cluster.nodes[i % 3], app)).body?.cancel();
    }
    await eventually("figures were taken", async () => {
      const { series } = await client.appMetrics("hello-site", { lastMs: 120_000 });
      return series.requests_per_s.filter((v) => v !== null).length >= 2;
    }, 40_000);
    const browser = await launch();
    try {
      const link = await linkOf(cluster);
      await t.step(
        "signed in and out without a trace, in every look",
        () => signInAndOut(browser, origin, link),
      );
      {
        await using tabs = await everyLook(browser, origin, link);
        const { id } = await client.node("n1");
        await t.step("every view in every look", () => tabs.each((tab) => everyView(tab, id)));
        await t.step("one event stream keeps every view current", async () => {
          const streams: string[] = [];
          for (const { page } of tabs.all) {
            page.on("request", (r) => new URL(r.url()).pathname === "/api/events" && streams.push(r.url()));
            await goTo(page, "/");
          }
          const { id } = await client.node("n2");
          for (const kind of ["node.cordon", "node.uncordon"] as const) {
            await client.command(kind, { node: id });
            const word = kind === "node.cordon" ? "cordoned" : "takes new work again";
            await tabs.each(({ page }) => page.locator(".feed").getByText(word).first().waitFor());
          }
          assert.deepEqual(streams, [], "the stream that was opened at first is the only one");
        });
        await t.step(
          "nodes: sort, filter, tags, cordon, uncordon, drain",
          () => tabs.each((tab) => nodeActions(tab, client)),
        );
        await t.step("an app: figures and logs", () => tabs.each(appFigures));
        await t.step(
          "apps: roll back, scale with the rollout seen, remove, also with what they keep",
          () =>
            tabs.each(async (tab) => {
              await appActions(tab, client);
              await removedWithVolumes(tab, cluster);
            }),
        );
        await t.step("the audit: filter, verify, export; events: filter", () => tabs.each(auditActions));
        await t.step(
          "a node that is killed shows as trouble with its reason, and can be removed",
          async () => {
            await Promise.all(tabs.all.map((tab) => cluster.kill(cluster.nodes[NODES + tab.n])));
            await tabs.each((tab) => lostNode(tab, client));
          },
        );
      }
      await t.step(
        "kill -9 of the node that serves the page: it says so, heals by itself, is right, and keeps its place",
        async () => {
          const { api } = cluster.nodes[1];
          await using tabs = await everyLook(browser, api, await linkOf(cluster, "--connect", api));
          await killedAndBack(tabs, cluster);
        },
      );
    } finally {
      await browser.close();
    }
  },
});
