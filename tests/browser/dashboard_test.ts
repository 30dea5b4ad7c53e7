/** The dashboard in a real browser against a real realm of three nodes. Screenshots go to `tests/browser/out/`. */
import assert from "node:assert/strict";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { Cluster, eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";

const OUT = new URL("./out/", import.meta.url).pathname;
const root = new URL("../../", import.meta.url).pathname;
const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
const ignore = !canRun("browser");

/** A page that remembers everything that must not happen. */
interface Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly faults: string[];
}

async function open(
  browser: Browser,
  origin: string,
  size: keyof typeof SIZES,
  dark: boolean,
): Promise<Watched> {
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme: dark ? "dark" : "light" });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (m) => m.type() === "error" && faults.push(`console: ${m.text()}`));
  page.on("pageerror", (e) => faults.push(`page: ${e.stack ?? e.message}`));
  page.on("request", (r) => {
    if (new URL(r.url()).origin !== origin) faults.push(`foreign request: ${r.url()}`);
    if (r.url().includes("key=")) faults.push("the key is in a request's address");
  });
  return { context, page, faults };
}

const linkOf = async (cluster: Cluster, ...more: string[]) =>
  (JSON.parse(await cluster.realm("dashboard", "--json", ...more)) as { url: string }).url;

async function deploySite(cluster: Cluster): Promise<void> {
  const out = `${cluster.root}/site`;
  const built = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "examples/hello-site/build.ts", "--version", "1.0.0", "--out", out],
    cwd: root,
  }).output();
  assert.ok(built.success, new TextDecoder().decode(built.stderr));
  const file = new TextDecoder().decode(built.stdout).trim().split("\n").at(-1)!;
  await cluster.realm("deploy", file, "--replicas", "all");
}

/** Goes to a view as a person does: within the page, so that the key in memory survives. */
async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate(
    `history.pushState(null, "", ${JSON.stringify(path)}); dispatchEvent(new PopStateEvent("popstate"))`,
  );
  await page.locator("#main h1").first().waitFor();
}

Deno.test({
  name:
    "the dashboard: every view without errors, one action done, keys nowhere, and it heals when its node returns",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await Deno.mkdir(OUT, { recursive: true });
    await using cluster = await Cluster.start({ nodes: 3 });
    await deploySite(cluster);
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    try {
      const origin = cluster.nodes[0].api;
      for (
        const [size, dark] of [["wide", false], ["wide", true], ["phone", false], ["phone", true]] as const
      ) {
        await t.step(`every view at ${size}, ${dark ? "dark" : "light"}`, async () => {
          const { context, page, faults } = await open(browser, origin, size, dark);
          await page.goto(origin);
          await page.getByRole("heading", { name: "Or use a key file" }).waitFor();
          const shot = (name: string) =>
            page.screenshot({ path: `${OUT}${size}-${dark ? "dark" : "light"}-${name}.png`, fullPage: true });
          await shot("sign-in");
          await page.goto(await linkOf(cluster));
          await page.getByText("live", { exact: true }).waitFor();
          assert.equal(new URL(page.url()).hash, "", "the key is gone from the address bar");
          const [node] = await cluster.client(cluster.nodes[0]).nodes();
          const views = {
            overview: ["/", "All is well"],
            nodes: ["/nodes", "n2"],
            node: [`/nodes/${node.id}`, "Runtimes"],
            apps: ["/apps", "hello-site"],
            app: ["/apps/hello-site", "Strategy"],
            audit: ["/audit", "app.deploy"],
            keys: ["/keys", "owner"],
          } as const;
          for (const [name, [path, text]] of Object.entries(views)) {
            await goTo(page, path);
            await page.locator("#main").getByText(text).first().waitFor();
            const over = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
            assert.ok(over <= 0, `${name} scrolls ${over} px to the side`);
            await shot(name);
          }
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
        const { context, page, faults } = await open(browser, origin, "wide", false);
        await page.goto(await linkOf(cluster));
        const target = cluster.nodes[2];
        const { id } = await cluster.client(cluster.nodes[0]).node(target.name);
        await page.locator("#main").getByText("n2").first().waitFor();
        await goTo(page, `/nodes/${id}`);
        await page.getByRole("button", { name: "Cordon" }).focus();
        await page.keyboard.press("Enter");
        const dialog = page.getByRole("dialog");
        await dialog.getByText("realm node cordon n2").waitFor();
        await page.screenshot({ path: `${OUT}wide-light-dialog.png` });
        await dialog.getByRole("button", { name: "Cordon" }).focus();
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
        assert.equal(await page.locator("#main button:not(.quiet)").count(), 0);
        assert.deepEqual(faults, []);
        await context.close();
      });

      await t.step(
        "killing the node that serves the page shows at once; its return heals the page",
        async () => {
          const node = cluster.nodes[1];
          const { context, page } = await open(browser, node.api, "wide", false);
          await page.goto(await linkOf(cluster, "--connect", node.api));
          await page.getByText("live", { exact: true }).waitFor();
          await goTo(page, "/apps/hello-site");
          await cluster.kill(node);
          await page.getByText("No connection to this node").waitFor();
          await page.screenshot({ path: `${OUT}wide-light-stale.png` });
          const port = new URL(node.api).port;
          await cluster.restart(node, ["--api", `127.0.0.1:${port}`]);
          await page.getByText("live", { exact: true }).waitFor();
          assert.equal(new URL(page.url()).pathname, "/apps/hello-site");
          await context.close();
        },
      );
    } finally {
      await browser.close();
    }
  },
});
