import assert from "node:assert/strict";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { createBed, get, raw, replica, route } from "../../tests/gateway_bed.ts";
import { createContentCache } from "./content_cache.ts";
import { acceptsEncoding, holdsRange, matchesTag, rangeOf } from "./conditions.ts";
import { hasHashedName } from "./static_site.ts";
import { digestOf } from "../protocol/identity.ts";

const H = "web.localhost";
const latin = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

async function serving(files: Record<string, string | Uint8Array<ArrayBuffer>>, options = {}) {
  const bed = createBed();
  const { gateway, port } = await bed.gateway("n1");
  const site = bed.site(files, options);
  gateway.setRoutes({ routes: [route("web", [replica("a", "n1", { static: site })])] });
  return { bed, gateway, port, [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose]() };
}

Deno.test("a static file has type, strong ETag, length and revalidation, on the first request and from memory", async () => {
  await using s = await serving({ "index.html": "<h1>hi</h1>" }, { modifiedAt: Date.UTC(2026, 0, 2) });
  for (let i = 0; i < 3; i++) {
    const a = await get(s.port, H, "/");
    assert.equal(a.status, 200);
    assert.equal(a.body, "<h1>hi</h1>");
    assert.equal(a.headers.get("content-type"), "text/html; charset=utf-8");
    assert.equal(a.headers.get("etag"), `"${digestOf(new TextEncoder().encode("<h1>hi</h1>"))}"`);
    assert.equal(a.headers.get("content-length"), "11");
    assert.equal(a.headers.get("cache-control"), "no-cache");
    assert.equal(a.headers.get("last-modified"), "Fri, 02 Jan 2026 00:00:00 GMT");
  }
  assert.equal(s.bed.disk.reads, 1);
  assert.equal(s.gateway.metrics().web.requests, 3);
});

Deno.test("If-None-Match and If-Modified-Since answer 304 without body; the tag wins over the date", async () => {
  await using s = await serving({ "a.txt": "text" }, { modifiedAt: Date.UTC(2026, 0, 2) });
  const etag = (await get(s.port, H, "/a.txt")).headers.get("etag")!;
  for (const value of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
    const a = await get(s.port, H, "/a.txt", { "If-None-Match": value });
    assert.equal(a.status, 304, value);
    assert.equal(a.body, "");
    assert.equal(a.headers.get("etag"), etag);
  }
  const since = (date: string, extra = {}) =>
    get(s.port, H, "/a.txt", { "If-Modified-Since": date, ...extra });
  assert.equal((await since("Fri, 02 Jan 2026 00:00:00 GMT")).status, 304);
  assert.equal((await since("Thu, 01 Jan 2026 00:00:00 GMT")).status, 200);
  assert.equal((await since("nonsense")).status, 200);
  assert.equal((await since("Fri, 02 Jan 2026 00:00:00 GMT", { "If-None-Match": '"other"' })).status, 200);
});

Deno.test("ranges answer 206 with the right bytes, 416 past the end, and the whole for several ranges", async () => {
  const big = Uint8Array.from({ length: 3_000_000 }, (_, i) => i % 251);
  await using s = await serving({ "s.txt": "0123456789", "b.bin": big });
  const range = (path: string, value: string, extra = {}) => get(s.port, H, path, { Range: value, ...extra });
  const a = await range("/s.txt", "bytes=2-4");
  assert.deepEqual([a.status, a.body, a.headers.get("content-range")], [206, "234", "bytes 2-4/10"]);
  assert.equal((await range("/s.txt", "bytes=-3")).body, "789");
  assert.equal((await range("/s.txt", "bytes=8-99")).body, "89");
  const beyond = await range("/s.txt", "bytes=10-");
  assert.deepEqual([beyond.status, beyond.headers.get("content-range")], [416, "bytes */10"]);
  assert.deepEqual((await range("/s.txt", "bytes=0-1,4-5")).status, 200);
  assert.equal((await range("/s.txt", "bytes=5-2")).status, 200);
  assert.equal((await range("/s.txt", "bytes=0-1", { "If-Range": '"old"' })).status, 200);
  const part = await range("/b.bin", "bytes=2999990-");
  assert.equal(part.status, 206);
  assert.deepEqual(latin(part.body), big.subarray(2_999_990));
  const whole = await get(s.port, H, "/b.bin");
  assert.equal(whole.headers.get("content-length"), "3000000");
  assert.equal(digestOf(latin(whole.body)), digestOf(big));
});

Deno.test("text is compressed as the client accepts it, once, with its own ETag; a sibling file is preferred", async () => {
  const text = "compress me ".repeat(1000);
  await using s = await serving({
    "a.js": text,
    "b.css": text,
    "b.css.br": "BR",
    "tiny.txt": "x",
    "p.png": text,
  });
  const asking = (path: string, accept: string) => get(s.port, H, path, { "Accept-Encoding": accept });
  const plain = await get(s.port, H, "/a.js");
  const br = await asking("/a.js", "gzip, br"), gz = await asking("/a.js", "gzip;q=0.5, br;q=0");
  assert.equal(br.headers.get("content-encoding"), "br");
  assert.equal(brotliDecompressSync(latin(br.body)).toString(), text);
  assert.equal(gz.headers.get("content-encoding"), "gzip");
  assert.equal(gunzipSync(latin(gz.body)).toString(), text);
  assert.equal(new Set([plain, br, gz].map((a) => a.headers.get("etag"))).size, 3);
  for (const a of [plain, br, gz]) assert.equal(a.headers.get("vary"), "accept-encoding");
  const again = await asking("/a.js", "br");
  assert.equal(again.body, br.body);
  assert.equal((await asking("/b.css", "br")).body, "BR");
  assert.equal((await asking("/tiny.txt", "br")).headers.get("content-encoding"), null);
  assert.equal((await asking("/p.png", "br")).headers.get("content-encoding"), null);
  const revalidated = await get(s.port, H, "/a.js", {
    "Accept-Encoding": "br",
    "If-None-Match": br.headers.get("etag")!,
  });
  assert.equal(revalidated.status, 304);
  const ranged = await get(s.port, H, "/a.js", { "Accept-Encoding": "br", Range: "bytes=0-7" });
  assert.deepEqual([ranged.status, ranged.body], [206, "compress"]);
});

Deno.test("HEAD has the fields of GET and no body", async () => {
  await using s = await serving({ "a.txt": "text", "big.bin": new Uint8Array(2_000_000) });
  for (const [path, length] of [["/a.txt", "4"], ["/big.bin", "2000000"]]) {
    const a = await raw(s.port, `HEAD ${path} HTTP/1.1\r\nHost: ${H}\r\nConnection: close\r\n\r\n`);
    assert.deepEqual([a.status, a.headers.get("content-length"), a.body], [200, length, ""]);
  }
});

Deno.test("directories redirect to their slash, keep the query, and serve index.html", async () => {
  await using s = await serving({ "docs/index.html": "docs", "docs/a b.txt": "space", "index.html": "root" });
  const a = await get(s.port, H, "/docs?x=1");
  assert.deepEqual([a.status, a.headers.get("location")], [308, "/docs/?x=1"]);
  assert.equal((await get(s.port, H, "/docs/")).body, "docs");
  assert.equal((await get(s.port, H, "/docs/a%20b.txt")).body, "space");
});

Deno.test("paths that are no file get the 404 page, or the fallback page when a browser navigates", async () => {
  await using s = await serving({ "404.html": "lost", "index.html": "app" });
  const a = await get(s.port, H, "/nope");
  assert.deepEqual([a.status, a.body], [404, "lost"]);
  await using spa = await serving({ "index.html": "app" }, { fallback: "index.html" });
  const b = await get(spa.port, H, "/deep/link", { Accept: "text/html,*/*" });
  assert.deepEqual([b.status, b.body], [200, "app"]);
  assert.equal((await get(spa.port, H, "/missing.js", { Accept: "text/html" })).status, 404);
  assert.equal((await get(spa.port, H, "/api", { Accept: "application/json" })).status, 404);
  const post = await raw(
    spa.port,
    `POST / HTTP/1.1\r\nHost: ${H}\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx`,
  );
  assert.deepEqual([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
});

Deno.test("names with a hash are immutable for a year; others are revalidated", async () => {
  const hashed = [
    "index-BxYz12_a.js",
    "main.3f2a1b9c.css",
    "assets/logo-4fd09aa1bc.svg",
    "chunk.D4f9Zk2Q.min.js",
  ];
  const plain = ["app.js", "jquery-3.7.1.min.js", "photo-Summer24.jpg", "report-20240101.csv", "index.html"];
  plain.push(
    "deadbeef.html",
    "my-template.js",
    "bootstrap.bundle.js",
    "IMG-VACATION.jpg",
    "IMG-DSC00123.jpg",
  );
  for (const name of hashed) assert.ok(hasHashedName(name), name);
  for (const name of plain) assert.ok(!hasHashedName(name), name);
  await using s = await serving({ "main.3f2a1b9c.css": "x" });
  const a = await get(s.port, H, "/main.3f2a1b9c.css");
  assert.equal(a.headers.get("cache-control"), "public, max-age=31536000, immutable");
});

Deno.test("no request path reaches a file outside the site, whatever its encoding", async () => {
  await using s = await serving({ "index.html": "root", "a/b.txt": "inner" });
  s.bed.disk.files.set("/packages/secret.txt", new TextEncoder().encode("SECRET"));
  const attempts = [
    "/../secret.txt",
    "/a/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/..%5csecret.txt",
    "/..\\secret.txt",
    "//secret.txt",
    "/a/%2e%2e%2f%2e%2e%2fsecret.txt",
    "/%252e%252e/secret.txt",
    "/a/b.txt%00.html",
    "/%c0%ae%c0%ae/secret.txt",
    "/packages/secret.txt",
    "/./a//b.txt",
    "/a/b.txt/",
  ];
  for (const path of attempts) {
    const a = await get(s.port, H, path);
    assert.ok(a.status === 404 || a.status === 400, `${path}: ${a.status}`);
    assert.ok(!a.text.includes("SECRET"), path);
  }
  assert.equal((await get(s.port, H, "/x/../a/b.txt")).body, "inner");
});

Deno.test("a range, if any, lies inside the content and is never empty", () => {
  fc.assert(fc.property(fc.string(), fc.nat(1000), fc.nat(2000), fc.nat(2000), (noise, size, a, b) => {
    for (const value of [noise, `bytes=${a}-${b}`, `bytes=${a}-`, `bytes=-${b}`, `bytes=${noise}`]) {
      const range = rangeOf(value, size);
      if (range === undefined || range === "unsatisfiable") continue;
      assert.ok(range.start >= 0 && range.start < range.end && range.end <= size);
    }
  }));
});

Deno.test("tags, If-Range and Accept-Encoding follow the RFC", () => {
  assert.ok(matchesTag('W/"a", "b"', ['"b"']) && !matchesTag('"c"', ['"b"']));
  assert.ok(holdsRange('"a"', '"a"', undefined) && !holdsRange('W/"a"', '"a"', undefined));
  assert.ok(
    acceptsEncoding("br", "br") && acceptsEncoding("*", "br") && acceptsEncoding("gzip, BR;q=0.1", "br"),
  );
  assert.ok(
    !acceptsEncoding("br;q=0, *", "br") && !acceptsEncoding("gzip", "br") && !acceptsEncoding("", "br"),
  );
});

Deno.test("the content cache stays within its bytes and drops the least recently used", () => {
  const cache = createContentCache(100);
  for (let i = 0; i < 10; i++) cache.set(`k${i}`, new Uint8Array(10));
  cache.get("k0");
  cache.set("new", new Uint8Array(10));
  assert.ok(cache.get("k0") && !cache.get("k1") && cache.bytes === 100);
  cache.set("huge", new Uint8Array(101));
  assert.ok(!cache.get("huge") && cache.bytes === 100);
});
