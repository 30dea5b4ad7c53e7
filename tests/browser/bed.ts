/**
 * What browser tests stand on: Debian's Chromium, pages that remember everything that must not happen, a real realm
 * with an app, and an agent in memory for what no real realm shows (hostile names, 500 nodes).
 */
import assert from "node:assert/strict";
import axe from "axe-core";
import {
  type Browser,
  type BrowserContext,
  chromium,
  type Locator,
  type Page,
  type Request,
} from "playwright-core";
import { serveApi } from "../../agent/api/mod.ts";
import {
  appSpecOf,
  type DeployWish,
  formatDelegation,
  keyIdOf,
  readRealmPackage,
  type RealmClient,
  type Role,
  sealGrant,
  signerFromSeed,
} from "../../mod.ts";
import { createDashboard, sourceAssets } from "../../ui/mod.ts";
import { type Cluster, eventually } from "../cluster.ts";
import { createFakeAgent, type FakeAgent } from "../fake_agent.ts";
import { owner, realm } from "../test_keys.ts";

/** Where screenshots go. */
export const OUT = new URL("./out/", import.meta.url).pathname;
const root = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");

/** Sizes that the dashboard must look right in. */
export const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
/** Name of a size. */
export type Size = keyof typeof SIZES;
/** Every size in light and dark. */
export const LOOKS = [["wide", false], ["wide", true], ["phone", false], ["phone", true]] as const;
/** How a look is called in tests and file names. */
export const lookName = (size: Size, dark: boolean): string => `${size}-${dark ? "dark" : "light"}`;

/** A browser; close it at the end. */
export async function launch(): Promise<Browser> {
  await Deno.mkdir(OUT, { recursive: true });
  return await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
}

/** A page that remembers everything that must not happen. */
export interface Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Console errors, page errors, requests to elsewhere, keys in addresses or bodies; must stay empty. */
  readonly faults: string[];
  /** Waits until every answer that the page asked for is there and drawn; streams end never and do not count. */
  settled(): Promise<void>;
  /** Writes `out/LOOK-NAME.png`. */
  shot(name: string, fullPage?: boolean): Promise<void>;
}

/** A new page that may talk to `origin` alone. */
export async function open(browser: Browser, origin: string, size: Size, dark: boolean): Promise<Watched> {
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (m) => m.type() === "error" && faults.push(`console: ${m.text()}`));
  page.on("pageerror", (e) => faults.push(`page: ${e.stack ?? e.message}`));
  page.on("request", (r) => {
    // A blob: address is content that the page itself made, for previews and downloads.
    if (new URL(r.url()).origin !== origin) faults.push(`foreign request: ${r.url()}`);
    if (r.url().includes("key=")) faults.push("the key is in a request's address");
    if (/realm-key-1|"seed"/.test(r.postData() ?? "")) faults.push("a private key is in a request's body");
  });
  const waiting = new Set<Request>();
  page.on("request", (r) => /\/(events|logs)$/.test(new URL(r.url()).pathname) || waiting.add(r));
  page.on("requestfinished", (r) => waiting.delete(r));
  page.on("requestfailed", (r) => waiting.delete(r));
  const drawn = () =>
    page.evaluate("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))");
  return {
    context,
    page,
    faults,
    async settled() {
      await drawn();
      await eventually("all answers are there", async () => {
        await drawn();
        return waiting.size === 0;
      });
      await drawn();
    },
    async shot(name, fullPage = true) {
      // What sticks to the window's edge would be drawn in the middle of a whole page.
      const at = fullPage ? await page.evaluate<number>("scrollY") : 0;
      if (at > 0) await page.evaluate("scrollTo(0, 0)");
      await page.screenshot({ path: `${OUT}${lookName(size, dark)}-${name}.png`, fullPage });
      if (at > 0) await page.evaluate(`scrollTo(0, ${at})`);
    },
  };
}

/** A signed-in link by `realm dashboard`. */
export const linkOf = async (cluster: Cluster, ...more: string[]): Promise<string> =>
  (JSON.parse(await cluster.realm("dashboard", "--json", ...more)) as { url: string }).url;

/** Opens a link and waits until the page shows the realm, live; the key is then gone from the address. */
export async function enter(page: Page, link: string): Promise<void> {
  await page.goto(link);
  await page.getByText("live", { exact: true }).waitFor();
  assert.equal(new URL(page.url()).hash, "", "the key is gone from the address bar");
}

/** Builds the example site in a version; the path of its package, a folder. */
export async function buildSite(out: string, version = "1.0.0"): Promise<string> {
  const built = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "examples/hello-site/build.ts", "--version", version, "--out", out],
    cwd: root,
  }).output();
  assert.ok(built.success, new TextDecoder().decode(built.stderr));
  return new TextDecoder().decode(built.stdout).trim().split("\n").at(-1)!;
}

/** As {@link buildSite}, packed into one file; `name`: of the app and of its route. */
export async function packSite(cluster: Cluster, version: string, name = "hello-site"): Promise<string> {
  const folder = `${cluster.root}/${name}-${version}`;
  const built = await buildSite(`${folder}-built`, version);
  await copyTree(built, folder);
  const manifest = `${folder}/manifest.toml`;
  await Deno.writeTextFile(manifest, (await Deno.readTextFile(manifest)).replaceAll("hello-site", name));
  const file = `${folder}-packed/${name}.realm`;
  await Deno.mkdir(`${folder}-packed`, { recursive: true });
  await cluster.realm("package", "create", folder, "-o", file);
  return file;
}

async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyTree(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Deploys the example site on every node. */
export async function deploySite(cluster: Cluster, version = "1.0.0"): Promise<void> {
  const file = await buildSite(`${cluster.root}/site-${version}`, version);
  await cluster.realm("deploy", file, "--replicas", "all");
}

/** Deploys the newest package of `app` under each look's own name, without its routes: they are taken. */
export async function deployForLooks(
  client: RealmClient,
  app: string,
  nameOf: (n: number) => string,
  replicas: number,
): Promise<void> {
  const digest = (await client.app(app)).package!;
  const { manifest } = await readRealmPackage(client, digest);
  const wish: Omit<DeployWish, "app"> = {
    spec: { ...appSpecOf(manifest, digest), routes: [] },
    replicas,
    tags: [],
    strategy: "rolling",
  };
  const names = [...LOOKS.keys()].map(nameOf);
  for (const name of names) await client.command("app.deploy", { app: name, ...wish });
  await eventually(`${app} stands for every look`, async () => {
    const apps = (await client.apps()).filter((a) => names.includes(a.name));
    return apps.length === names.length && apps.every((a) => a.phase === "steady" && a.package === digest);
  }, 30_000);
}

/** Goes to a view as a person does: within the page, so that the key in memory survives. */
export async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate(
    `history.pushState(null, "", ${JSON.stringify(path)}); dispatchEvent(new PopStateEvent("popstate"))`,
  );
  await page.locator("#main h1").first().waitFor();
}

/** Fails when the page is wider than its window. */
export async function noSideScroll(page: Page, what: string): Promise<void> {
  const over = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  assert.ok(over <= 0, `${what} scrolls ${over} px to the side`);
}

/** Rules whose verdict depends on colours: all that differs between light and dark. */
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];

/**
 * Fails with every serious or critical finding of axe-core. In dark, which changes nothing but colours, the rules about
 * colours alone are asked: all others were asked of the same view in light.
 */
export async function accessible(page: Page, what: string): Promise<void> {
  if (!await page.evaluate("typeof axe === 'object'")) await page.evaluate(axe.source);
  const dark = await page.evaluate<boolean>("matchMedia('(prefers-color-scheme: dark)').matches");
  const options = { resultTypes: ["violations"], preload: false, ...(dark && { runOnly: COLOUR_RULES }) };
  const findings = await page.evaluate<string[]>(
    `axe.run(document, ${JSON.stringify(options)}).then((r) =>
    r.violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) =>
      v.impact + " " + v.id + ": " + v.help + "\\n  " +
      v.nodes.slice(0, 5).map((n) => n.html.slice(0, 200) + " " + (n.any[0]?.message ?? "")).join("\\n  ")))`,
  );
  assert.deepEqual(findings, [], what);
}

/** A signed-in page in one look. */
export interface Tab extends Watched {
  readonly size: Size;
  readonly dark: boolean;
  /** Such as `phone-dark`. */
  readonly look: string;
  /** Number of the look, from 0: what each look does with an object of its own carries it in the name. */
  readonly n: number;
}
/** The same in every look. */
export interface Tabs extends AsyncDisposable {
  readonly all: readonly Tab[];
  /** Does it in every look side by side, so that what waits for the realm in one look waits in all; no tab may have faults then. */
  each(act: (tab: Tab) => Promise<void>): Promise<void>;
}

/** Opens a tab in every look, signed in once and for all steps of a test. */
export async function everyLook(browser: Browser, origin: string, link: string): Promise<Tabs> {
  const all = await Promise.all(LOOKS.map(async ([size, dark], n): Promise<Tab> => {
    const watched = await open(browser, origin, size, dark);
    await enter(watched.page, link);
    return { ...watched, size, dark, look: lookName(size, dark), n };
  }));
  return {
    all,
    async each(act) {
      const ends = await Promise.allSettled(all.map(async (tab) => {
        await act(tab);
        assert.deepEqual(tab.faults, []);
      }));
      const failed = ends.flatMap((end, i) => end.status === "rejected" ? [{ tab: all[i], end }] : []);
      for (const { tab } of failed) await tab.shot("failed").catch(() => {});
      if (failed.length === 0) return;
      const texts = failed.map(({ tab, end }) => `at ${tab.look}: ${end.reason?.stack ?? end.reason}`);
      throw new Error(texts.join("\n\n"));
    },
    async [Symbol.asyncDispose]() {
      for (const { context } of all) await context.close();
    },
  };
}

/** Presses a button of a view and, in the dialog that opens and shows `line`, the one that does it. */
export async function act(
  tab: Tab,
  button: string,
  line: string | RegExp,
  fill?: (dialog: Locator) => Promise<void>,
  where: Locator = tab.page.locator(".title"),
): Promise<void> {
  await where.getByRole("button", { name: button, exact: true }).click();
  const dialog = tab.page.getByRole("dialog");
  await dialog.getByText(line, { exact: true }).waitFor();
  await fill?.(dialog);
  await noSideScroll(tab.page, `the dialog of ${button}`);
  const [, noun = ""] = new URL(tab.page.url()).pathname.split("/");
  await tab.shot(`do-${noun}-${button.toLowerCase().replaceAll(" ", "-")}`, false);
  await dialog.getByRole("button", { name: button, exact: true }).click();
  await dialog.waitFor({ state: "detached" });
}

/** What every view is held to, and its picture. */
export async function look(tab: Tab, name: string): Promise<void> {
  await tab.settled();
  await accessible(tab.page, name);
  await noSideScroll(tab.page, name);
  await tab.shot(name);
}

/** A queue: what is given to it is done one after the other, for what the looks share (the clipboard). */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}

/** An agent in memory with the dashboard in front of it. */
export interface Fabricated extends AsyncDisposable {
  readonly agent: FakeAgent;
  readonly url: string;
  /** A signed-in link. */
  link(role?: Exclude<Role, "owner">): string;
}

/** Serves a fabricated realm; what it shows is changed through `agent`. */
export function fabricated(agent: FakeAgent = createFakeAgent()): Fabricated {
  const server = serveApi(agent, { assets: createDashboard(() => sourceAssets(root)) });
  return {
    agent,
    url: server.url,
    link(role = "admin") {
      const seed = new Uint8Array(32).fill(77);
      const key = keyIdOf(signerFromSeed(seed).publicKey);
      const now = Date.now();
      const grant = sealGrant({ v: 1, realm, key, role, from: now - 60_000, until: now + 3_600_000 }, owner);
      return `${server.url}/#key=${formatDelegation({ realm, seed, grants: [grant] })}`;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
