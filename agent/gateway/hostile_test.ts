import assert from "node:assert/strict";
import fc from "fast-check";
import { createBed, get, raw, replica, route } from "../../tests/gateway_bed.ts";
import { forwardedFields, returnedFields, targetOf } from "./forwarding.ts";
import { FrameReader } from "./http_frames.ts";
import { gatewayLimits } from "../protocol/limits.ts";

async function echoing(options = {}) {
  const bed = createBed();
  const { gateway, port } = await bed.gateway("g", options);
  const seen: string[] = [];
  const fetch = async (request: Request) => {
    const body = await request.text();
    seen.push(`${request.method} ${new URL(request.url).pathname} ${body}`);
    return Response.json({ app: "a", path: new URL(request.url).pathname, headers: [...request.headers] });
  };
  const admin = { fetch: () => Promise.resolve(new Response("ADMIN")) };
  gateway.setRoutes({
    routes: [
      route("a", [replica("a", "g", { fetch })], { hosts: ["a", "www.example.com", "[::1]"] }),
      route("b", [replica("b", "g", admin)], { hosts: ["a"], pathPrefix: "/admin/" }),
    ],
  });
  return { bed, gateway, port, seen, [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose]() };
}

Deno.test("hosts match whatever their case, port or trailing dot; others get a 404 that names nothing", async () => {
  await using s = await echoing();
  for (
    const host of ["a.localhost", "A.LocalHost", `a.localhost:${s.port}`, "a.localhost.", "www.example.com"]
  ) {
    assert.equal((await get(s.port, host, "/")).status, 200, host);
  }
  for (
    const host of ["b.localhost", "a", "localhost", "x.a.localhost", "127.0.0.1", "www.example.com.evil"]
  ) {
    const a = await get(s.port, host, "/");
    assert.equal(a.status, 404, host);
    assert.ok(!a.text.includes("ADMIN") && !a.text.replaceAll(host, "").includes("example.com"), a.body);
    assert.equal(a.headers.get("content-type"), "text/plain; charset=utf-8");
  }
  assert.equal(s.gateway.unmatched, 6);
});

Deno.test("hosts that are none are refused", async () => {
  await using s = await echoing();
  for (
    const host of ["user@a.localhost", "a.localhost/x", "a.localhost:x", "a.localhost:1:2", "a..", "<script>"]
  ) {
    const a = await get(s.port, host, "/");
    assert.ok(a.status === 400 || a.status === 404, `${host}: ${a.status}`);
    assert.ok(!a.body.includes("<script>"));
  }
  const none = await raw(s.port, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  assert.ok(none.status === 400 || none.status === 404);
  const absolute = await raw(
    s.port,
    "GET http://www.example.com/ HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n",
  );
  assert.equal(absolute.status, 400);
});

Deno.test("a longer path prefix wins, on whole segments, and cannot be avoided by dot segments", async () => {
  await using s = await echoing();
  assert.equal((await get(s.port, "a.localhost", "/administer")).status, 200);
  for (const path of ["/admin", "/admin/x", "/x/../admin/y", "/x/%2e%2e/admin", "/./admin", "/admin/."]) {
    assert.equal((await get(s.port, "a.localhost", path)).body, "ADMIN", path);
  }
  const out = JSON.parse((await get(s.port, "a.localhost", "/admin/../x")).body);
  assert.equal(out.path, "/x");
});

Deno.test("messages that front and back could read differently are refused and reach no app", async () => {
  await using s = await echoing();
  const H = "Host: a.localhost\r\n";
  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a.localhost\r\n\r\n";
  const tries = [
    `POST / HTTP/1.1\r\n${H}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `POST / HTTP/1.1\r\n${H}Content-Length: 0\r\nContent-Length: 44\r\n\r\n${smuggled}`,
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `POST / HTTP/1.1\r\n${H}Content-Length: +4\r\n\r\n1234${smuggled}`,
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\nzz\r\n${smuggled}`,
    `GET / HTTP/1.1\r\n${H}Host: www.example.com\r\n\r\n`,
    `GET / HTTP/1.1\r\n${H}X: a\r\n b\r\n\r\n`,
    `GET /a b HTTP/1.1\r\n${H}\r\n`,
    `GET / HTTP/1.1\r\n${H}X\0Y: 1\r\n\r\n`,
  ];
  for (const text of tries) {
    const a = await raw(s.port, text, 400);
    assert.ok(!s.seen.some((x) => x.includes("smuggled")), JSON.stringify(text));
    assert.ok(
      a.status === 400 || a.status === 501 || a.text === "" || a.status === 502,
      `${a.status} ${text}`,
    );
  }
});

Deno.test("methods that a gateway must not serve, and addresses too long, are refused", async () => {
  await using s = await echoing();
  const ask = (line: string) =>
    raw(s.port, `${line} HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n`, 500);
  assert.notEqual((await ask("TRACE /")).status, 200);
  assert.notEqual((await ask("CONNECT a.localhost:80")).status, 200);
  assert.equal((await ask("GET /" + "x".repeat(gatewayLimits.urlBytes))).status, 414);
  assert.deepEqual(s.seen, []);
  const large = await get(s.port, "a.localhost", "/", { "X-Large": "x".repeat(gatewayLimits.headerBytes) });
  assert.equal(large.status, 431);
});

Deno.test("what a client claims about itself is dropped unless it is a trusted proxy; hop-by-hop fields never pass", async () => {
  const claims = {
    "X-Forwarded-For": "1.2.3.4",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "bank.example",
    "X-Real-IP": "1.2.3.4",
    Forwarded: "for=1.2.3.4",
    TE: "trailers",
    "Proxy-Authorization": "secret",
    "X-Named": "1",
  };
  const ask = async (port: number) => {
    const text = "GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: close, X-Named\r\n" +
      Object.entries(claims).map(([k, v]) => `${k}: ${v}\r\n`).join("") + "\r\n";
    return new Headers(JSON.parse((await raw(port, text)).body).headers);
  };
  await using s = await echoing();
  const plain = await ask(s.port);
  assert.equal(plain.get("x-forwarded-for"), "127.0.0.1");
  assert.equal(plain.get("x-forwarded-proto"), "http");
  assert.equal(plain.get("x-forwarded-host"), "a.localhost");
  for (const name of ["x-real-ip", "forwarded", "te", "proxy-authorization", "x-named", "connection"]) {
    assert.equal(plain.get(name), null, name);
  }
  await using t = await echoing({ trustedProxies: ["127.0.0.1"] });
  const trusted = await ask(t.port);
  assert.equal(trusted.get("x-forwarded-for"), "1.2.3.4, 127.0.0.1");
  assert.equal(trusted.get("x-forwarded-proto"), "https");
  assert.equal(trusted.get("x-forwarded-host"), "bank.example");
});

Deno.test("any URL text gives a canonical target or none", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme-ascii" }), fc.webPath(), (noise, path) => {
    for (
      const url of [`http://a.localhost${path}`, `http://${noise}/x`, `http://a.localhost/${noise}`, noise]
    ) {
      const target = targetOf(url);
      if (!target) continue;
      assert.match(target.host, /^(?:[a-z0-9][a-z0-9._-]*|\[[0-9a-f:.]+\])$/);
      assert.ok(target.path.startsWith("/"));
      assert.ok(!/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(target.path), `${url} → ${target.path}`);
      assert.equal(
        new URL(`http://h${target.path}`).pathname,
        target.path,
        "an app sees the path that was routed",
      );
    }
  }));
});

Deno.test("forwarded and returned fields never carry a hop-by-hop field", () => {
  const hop = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "proxy-connection",
  ];
  const name = fc.constantFrom(...hop, "x-a", "x-b", "accept");
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.constantFrom("x-a", "close", "upgrade, X-B"))), (pairs) => {
      const headers = new Headers(pairs as [string, string][]);
      const sender = { address: "9.9.9.9", proto: "http", trusted: false, host: "h", prefix: "" } as const;
      const named = (headers.get("connection") ?? "").toLowerCase().split(",").map((n) => n.trim());
      for (const fields of [forwardedFields(headers, sender)!, returnedFields(headers)]) {
        for (const [n] of fields) assert.ok(!hop.includes(n) && !named.includes(n), n);
      }
    }),
  );
});

Deno.test("any bytes of a peer end in frames, a refusal or a cut, never in a hang or in memory without bound", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), async (chunks) => {
      const reader = new FrameReader(ReadableStream.from(chunks));
      for (let i = 0; i < 400; i++) {
        try {
          await reader.next();
        } catch (error) {
          return assert.ok(["unavailable", "bad_request"].includes((error as { code: string }).code));
        }
      }
      assert.fail("no end");
    }),
  );
});
