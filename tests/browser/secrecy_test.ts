/** What must not leave the page, what must not run in it, and what a role does not see. */
import assert from "node:assert/strict";
import { digestOf } from "../../mod.ts";
import { createFakeAgent } from "../fake_agent.ts";
import { self } from "../test_keys.ts";
import { nouns } from "../../ui/app/nouns.ts";
import { canRun } from "../system_packages.ts";
import { enter, fabricated, goTo, launch, open } from "./bed.ts";

const ignore = !canRun("browser");
const paths = ["/", ...nouns.map((noun) => `/${noun}`), "/apps/site", `/nodes/${self}`];

Deno.test({
  name: "a key and a session's token are in no address, body, storage, log or markup, also after commands",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using bed = fabricated();
    const browser = await launch();
    try {
      const { context, page, faults, settled } = await open(browser, bed.url, "wide", false);
      const said: string[] = [], tokens = new Set<string>();
      let commands = 0;
      page.on("console", (m) => said.push(`log: ${m.text()}`));
      page.on("request", (r) => {
        said.push(
          `address: ${r.url()}`,
          `body: ${r.postData() ?? ""}`,
          `referrer: ${r.headers().referer ?? ""}`,
        );
        if (new URL(r.url()).pathname === "/api/commands") commands++;
        const token = /^Bearer (.+)$/.exec(r.headers().authorization ?? "")?.[1];
        if (token) tokens.add(token);
      });
      const link = bed.link("admin");
      await enter(page, link);
      for (const path of paths) {
        await goTo(page, path);
        await settled();
        said.push(`page ${path}: ${await page.content()} ${page.url()}`);
      }
      await page.getByRole("button", { name: "Cordon", exact: true }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("button", { name: "Cordon", exact: true }).click();
      await dialog.waitFor({ state: "detached" });
      said.push(
        "kept: " + await page.evaluate<string>(`(async () => JSON.stringify([
          { ...localStorage }, { ...sessionStorage }, document.cookie, history.state, name,
          await indexedDB.databases(), await caches.keys(),
          (await navigator.serviceWorker.getRegistrations()).length,
        ]))()`),
      );
      assert.equal(said.at(-1), 'kept: [{},{},"",null,"",[],[],0]');
      assert.equal(commands, 1);
      assert.equal(bed.agent.commands.length, 1);
      assert.ok(tokens.size > 0, "the page reads with a token");
      const seed = new Uint8Array(32).fill(77);
      const forms = [seed.toBase64({ alphabet: "base64url" }).slice(0, 40), seed.toHex(), "M".repeat(32)];
      for (const secret of [link.slice(link.indexOf("=") + 1), ...forms, ...tokens]) {
        const found = said.filter((s) => s.includes(secret)).map((s) => s.slice(0, 80));
        assert.deepEqual(found, [], `found ${secret.slice(0, 8)}…`);
      }
      await page.goBack();
      assert.doesNotMatch(page.url(), /#/);
      assert.deepEqual(faults, []);
      await context.close();
    } finally {
      await browser.close();
    }
  },
});

Deno.test({
  name: "commands are signed where the browser has no crypto.subtle, as on pages of no secure origin",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using bed = fabricated();
    const browser = await launch();
    try {
      const { context, page, faults } = await open(browser, bed.url, "phone", true);
      await page.addInitScript(`
        Object.defineProperty(Crypto.prototype, "subtle", { get: () => undefined });
        Object.defineProperty(globalThis, "isSecureContext", { value: false });
        Object.defineProperty(Navigator.prototype, "clipboard", { get: () => undefined });
      `);
      await enter(page, bed.link("admin"));
      assert.equal(await page.evaluate("typeof crypto.subtle"), "undefined");
      await goTo(page, `/nodes/${self}`);
      await page.getByRole("button", { name: "Cordon", exact: true }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("button", { name: "Copy the command line" }).click();
      await dialog.getByRole("button", { name: "Copied" }).waitFor();
      await dialog.getByRole("button", { name: "Cordon", exact: true }).click();
      await dialog.waitFor({ state: "detached" });
      assert.deepEqual(bed.agent.commands.map((c) => c.kind), ["node.cordon"]);
      assert.deepEqual(faults, []);
      await context.close();
    } finally {
      await browser.close();
    }
  },
});

Deno.test({
  name: "the page's policy stops inline scripts, eval, strings as markup, and requests to other hosts",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using bed = fabricated();
    const browser = await launch();
    try {
      const { context, page } = await open(browser, bed.url, "wide", false);
      await enter(page, bed.link());
      await page.evaluate(`
        window.stopped = [];
        addEventListener("securitypolicyviolation", (e) => stopped.push(e.effectiveDirective));
      `);
      const stops = async (what: string, directive: string, code: string) => {
        await page.evaluate(`stopped.length = 0; try { ${code} } catch {}`);
        await page.waitForFunction("stopped.length > 0", undefined, { timeout: 5_000 })
          .catch(() => assert.fail(`${what} was not stopped`));
        assert.equal(await page.evaluate("stopped[0]"), directive, what);
      };
      const element = (name: string, set: string) =>
        `const e = document.createElement("${name}"); ${set}; document.body.append(e)`;
      await stops(
        "a handler in markup",
        "require-trusted-types-for",
        `document.body.setAttribute("onclick", "x = 1")`,
      );
      await stops(
        "markup from a string",
        "require-trusted-types-for",
        `document.body.innerHTML = "<b>x</b>"`,
      );
      await stops("a script's text", "require-trusted-types-for", element("script", 'e.text = "pwned = 1"'));
      await stops(
        "an inline script",
        "require-trusted-types-for",
        element("script", 'e.append("pwned = 1")'),
      );
      await stops("a string as code", "require-trusted-types-for", 'setTimeout("pwned = 1")');
      await stops("a style", "style-src-elem", element("style", 'e.append("body { color: red }")'));
      await stops("a frame", "frame-src", element("iframe", 'e.src = "https://other.invalid/"'));
      await stops("a picture from elsewhere", "img-src", element("img", 'e.src = "https://other.invalid/x"'));
      await stops("a request to elsewhere", "connect-src", 'fetch("https://other.invalid/").catch(() => {})');
      assert.equal(await page.evaluate("typeof pwned"), "undefined");
      await context.close();
    } finally {
      await browser.close();
    }
  },
});

Deno.test({
  name: "a viewer may press every button that there is: none makes a command, none is refused",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const agent = createFakeAgent();
    const content = Uint8Array.of(1, 2, 3, 4, 5), digest = digestOf(content);
    agent.store.set(digest, content);
    const blob = {
      digest,
      size: 5,
      holders: [self],
      references: [],
      pin: { copies: 2, tags: [] },
      here: true,
    };
    Object.assign(agent, { blobs: () => Promise.resolve([blob]), blob: () => Promise.resolve(blob) });
    await using bed = fabricated(agent);
    const browser = await launch();
    const buttons = async (role: "viewer" | "operator" | "admin", press: boolean) => {
      const { context, page, faults, settled } = await open(browser, bed.url, "wide", false);
      const refused: string[] = [];
      page.on("response", (r) => r.status() >= 400 && refused.push(`${r.status()} ${r.url()}`));
      page.on("request", (r) => r.url().endsWith("/api/commands") && refused.push("a command was sent"));
      await enter(page, bed.link(role));
      const names: string[] = [];
      for (const path of [...paths, `/storage/${digest}`]) {
        await goTo(page, path);
        await settled();
        const all = page.locator("#main button:visible, #main summary:visible");
        for (let i = 0; i < await all.count(); i++) {
          const button = all.nth(i);
          const name = (await button.getAttribute("aria-label")) ?? (await button.innerText()).trim();
          // Heads of columns are called like what stands below them, and sort.
          names.push(await button.evaluate((e) => e.closest(".head") !== null) ? `sort by ${name}` : name);
          if (!press || await button.isDisabled()) continue;
          await button.click();
          assert.equal(await page.getByRole("dialog").count(), 0, `${names.at(-1)} opens no dialog`);
        }
      }
      await page.keyboard.press("Control+k");
      await page.getByRole("option").first().waitFor();
      const offered = await page.getByRole("option").filter({ hasText: /action$/ }).allInnerTexts();
      assert.deepEqual(refused, []);
      assert.deepEqual(faults, []);
      await context.close();
      return { names, offered: offered.map((o) => o.replace(/\s*action$/, "").trim()) };
    };
    try {
      const [viewer, operator, admin] = await Promise.all([
        buttons("viewer", true),
        buttons("operator", false),
        buttons("admin", false),
      ]);
      for (const name of ["Scale", "Cordon", "Drain", "Tags", "Unpin"]) {
        assert.ok(!viewer.names.includes(name), `a viewer sees ${name}`);
        assert.ok(operator.names.includes(name), `an operator does not see ${name}`);
      }
      for (const name of ["Invite a machine", "Grant a role"]) {
        assert.ok(!operator.names.includes(name), `an operator sees ${name}`);
        assert.ok(admin.names.includes(name), `an admin does not see ${name}`);
      }
      assert.deepEqual(viewer.offered, ["Sign out"]);
      assert.ok(operator.offered.includes("Scale site") && !operator.offered.includes("Invite a machine"));
      assert.ok(admin.offered.includes("Invite a machine"));
    } finally {
      await browser.close();
    }
  },
});
