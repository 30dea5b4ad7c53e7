import assert from "node:assert/strict";
import { OutboundRules } from "./outbound.ts";

const rules = new OutboundRules(["api.example.com:443", "127.0.0.1:8080", "any.example.com:*", "[::1]:81"]);
const check = (scheme: string, authority: string, path = "/") => rules.check(scheme, authority, path)?.href;

Deno.test("OutboundRules allow what is listed, in any spelling of the same address", () => {
  assert.equal(check("https", "api.example.com"), "https://api.example.com/");
  assert.equal(check("https", "API.example.COM:443", "/a?b=c"), "https://api.example.com/a?b=c");
  assert.equal(check("http", "127.0.0.1:8080"), "http://127.0.0.1:8080/");
  assert.equal(check("http", "0x7f.1:8080"), "http://127.0.0.1:8080/");
  assert.equal(check("http", "any.example.com:1"), "http://any.example.com:1/");
  assert.equal(check("http", "[0:0::1]:81"), "http://[::1]:81/");
});

Deno.test("OutboundRules refuse everything else", () => {
  const cases: [string, string, string?][] = [
    ["http", "api.example.com"], // port 80
    ["https", "example.com"],
    ["https", "api.example.com.evil.org"],
    ["https", "evil.org#api.example.com:443"],
    ["https", "api.example.com:443@evil.org"],
    ["https", "evil.org/api.example.com:443"],
    ["https", "evil.org\\api.example.com:443"],
    ["http", "127.0.0.1:80"],
    ["http", "localhost:8080"],
    ["http", ""],
    ["ftp", "api.example.com:443"],
    ["file", "any.example.com"],
    ["javascript", "any.example.com:1"],
    ["https", "api.example.com", "no-slash"],
  ];
  for (const [scheme, authority, path] of cases) {
    assert.equal(check(scheme, authority, path), undefined, `${scheme} ${authority} ${path}`);
  }
});

Deno.test("OutboundRules never let a path change the host", () => {
  for (
    const path of [
      "//evil.org/",
      "/\\evil.org/",
      "/\t/evil.org/",
      "///evil.org",
      "/@evil.org",
      "/..//evil.org",
    ]
  ) {
    const url = rules.check("https", "api.example.com", path);
    if (url !== undefined) assert.equal(url.host, "api.example.com", path);
  }
});

Deno.test("OutboundRules.permissions() names valid rules only", () => {
  assert.deepEqual(
    OutboundRules.permissions(["a.example:80", "b.example:*", "", "c", "d.example:80,e:1", ":80"]),
    [
      "a.example:80",
      "b.example",
    ],
  );
});
