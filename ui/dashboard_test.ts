import assert from "node:assert/strict";
import { buildAssets, createDashboard, firstVisitBytes, PAGE_POLICY } from "./mod.ts";

const at = (path: string, method = "GET") => new Request(`http://127.0.0.1:1${path}`, { method });
const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
/** What a person waits for on the first visit; the figure is the project's promise. */
const GZIP_BYTES = 150_000;

Deno.test("every view's address answers with the page, all else is left to others", async () => {
  const serve = createDashboard(() => Promise.resolve({ "index.html": "page", "assets/a-1.js": "script" }));
  for (
    const path of ["/", "/nodes", "/nodes/n1", "/apps/a%20b", "/apps/a/logs", "/audit", "/keys", "/apply"]
  ) {
    const answer = await serve(at(path));
    assert.equal(await answer?.text(), "page", path);
    assert.equal(answer?.headers.get("content-security-policy"), PAGE_POLICY);
    assert.equal(answer?.headers.get("cache-control"), "no-cache");
  }
  const script = await serve(at("/assets/a-1.js"));
  assert.equal(await script?.text(), "script");
  assert.match(script?.headers.get("content-type") ?? "", /^text\/javascript/);
  for (
    const path of [
      "/api/nodes",
      "/assets/b.js",
      "/assets/__proto__",
      "/nodes/a/b/c",
      "/index.html",
      "/assets/",
    ]
  ) {
    assert.equal(await serve(at(path)), undefined, path);
  }
  assert.equal(await serve(at("/", "POST")), undefined);
});

Deno.test("assets that cannot be built are said so, and asked for again", async () => {
  let calls = 0;
  const serve = createDashboard(() =>
    ++calls === 1 ? Promise.reject(new Error("no bundler")) : Promise.resolve({ "index.html": "page" })
  );
  const first = await serve(at("/"));
  assert.equal(first?.status, 503);
  assert.match(await first!.text(), /no bundler/);
  assert.equal((await serve(at("/")))?.status, 200);
});

Deno.test("the policy allows nothing inline, nothing evaluated, nothing from elsewhere", () => {
  assert.match(PAGE_POLICY, /^default-src 'none'; script-src 'self';/);
  assert.doesNotMatch(PAGE_POLICY, /unsafe|https?:|\*/);
});

Deno.test("the dashboard is at most 150 kB gzip, names no other host's address, and has nothing inline", async () => {
  const assets = await buildAssets(root);
  const size = await firstVisitBytes(assets);
  console.log(`dashboard: ${size} B gzip`);
  assert.ok(size <= GZIP_BYTES, `${size} B`);
  const script = Object.keys(assets).find((name) => /^assets\/app-.*\.js$/.test(name))!;
  // What is imported at once is part of the first visit: the page names it, and so it is counted.
  const page = assets["index.html"], once = new Set([script]);
  for (const name of once) {
    assert.ok(page.includes(`"/${name}"`), `the page names ${name}`);
    for (const [, part] of assets[name].matchAll(/(?:import|from)\s*"\.\/([^"]+)"/g)) {
      once.add(`assets/${part}`);
    }
  }
  const later = [...assets[script].matchAll(/import\("\.\/([^"]+)"\)/g)].map((m) => `assets/${m[1]}`);
  assert.ok(later.length > 0 && later.every((name) => Object.hasOwn(assets, name)), String(later));
  assert.doesNotMatch(assets["index.html"], /<script>|<style|style=|\son\w+=|https?:/);
});
