import assert from "node:assert/strict";
import { createBed, get, raw, replica, route, until } from "../../tests/gateway_bed.ts";
import { type AccessEntry, latencyBounds } from "./mod.ts";
import { createAccessLog } from "./access_log.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import { ReplicaBook } from "./replicas.ts";

Deno.test("requests, errors by class, bytes and latencies are counted per app, and go with its route", async () => {
  await using bed = createBed();
  const { gateway, port } = await bed.gateway("g");
  const fetch = async (request: Request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/bad") return new Response("x", { status: 422 });
    if (pathname === "/broken") return new Response("x", { status: 500 });
    if (pathname === "/throws") throw new Error("no");
    return new Response((await request.text()).repeat(2));
  };
  gateway.setRoutes({ routes: [route("app", [replica("r", "g", { fetch })])] });
  for (const path of ["/bad", "/broken", "/throws"]) await get(port, "app.localhost", path);
  await raw(
    port,
    "POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
  );
  await until("all ended", () => gateway.metrics().app.inFlight === 0);
  const m = gateway.metrics().app;
  assert.equal(m.requests, 4);
  assert.deepEqual([m.errors.client, m.errors.app, m.errors.failed], [1, 1, 1]);
  assert.deepEqual([m.bytesIn, m.bytesOut], [5, 12]);
  assert.equal(m.latency.counts.length, latencyBounds.length + 1);
  assert.equal(m.latency.counts.reduce((a, b) => a + b), 4);
  gateway.setRoutes({ routes: [] });
  assert.deepEqual(gateway.metrics(), {});
});

Deno.test("the access log has one entry per request without its query, from memory too; errors beat the sample", async () => {
  const entries: AccessEntry[] = [];
  await using bed = createBed();
  const accessLog = { deliver: (batch: readonly AccessEntry[]) => void entries.push(...batch) };
  const { gateway, port } = await bed.gateway("g", { accessLog });
  gateway.setRoutes({
    routes: [route("app", [replica("r", "g", { static: bed.site({ "a.txt": "text" }) })])],
  });
  for (let i = 0; i < 3; i++) await get(port, "app.localhost", "/a.txt?token=secret");
  await get(port, "app.localhost", "/none");
  await gateway.close(10);
  assert.deepEqual(entries.map((e) => e.status), [200, 200, 200, 404]);
  assert.ok(
    entries.every((e) => e.app === "app" && e.host === "app.localhost" && !e.path.includes("secret")),
  );
  assert.deepEqual([entries[0].replica, entries[0].revision, entries[0].bytes], ["r", "r1", 4]);
});

Deno.test("the access log keeps to its share and its bound, and says what it dropped", () => {
  const batches: [number, number][] = [];
  const log = createAccessLog({
    deliver: (e, dropped) => void batches.push([e.length, dropped]),
    sample: 0.25,
  });
  assert.equal(Array.from({ length: 100 }, () => log.sampled()).filter(Boolean).length, 25);
  const entry = {
    at: 0,
    app: "a",
    client: "",
    method: "GET",
    host: "h",
    path: "/",
    status: 500,
    ms: 1,
    bytes: 0,
  };
  for (let i = 0; i < gatewayLimits.accessEntries + 7; i++) log.add(entry);
  log.close();
  assert.deepEqual(batches, [[gatewayLimits.accessEntries, 7]]);
});

Deno.test("a replica that fails is passed over for longer each time, but used when there is no other", () => {
  let now = 0;
  const book = new ReplicaBook(() => now);
  const two = [replica("a", "n1"), replica("b", "n2")];
  const none = new Set<string>();
  const choices = () => new Set(Array.from({ length: 6 }, () => book.choose(two, none, none, false)!.id));
  assert.deepEqual(choices(), new Set(["a", "b"]));
  book.failed("a");
  assert.deepEqual(choices(), new Set(["b"]));
  now += gatewayLimits.setAsideMs + 1;
  assert.deepEqual(choices(), new Set(["a", "b"]));
  book.failed("a");
  now += gatewayLimits.setAsideMs + 1;
  assert.deepEqual(choices(), new Set(["b"]), "twice as long the second time");
  assert.equal(book.choose([two[0]], none, none, false)!.id, "a");
  book.succeeded("a");
  assert.deepEqual(choices(), new Set(["a", "b"]));
  assert.equal(book.choose(two, none, new Set(["n1", "n2"]), false), undefined);
});

Deno.test("past the bound of requests in work an app's requests get 503 at once, and other apps answer", async () => {
  await using bed = createBed();
  const { gateway, port } = await bed.gateway("g");
  const go = Promise.withResolvers<void>();
  const slow = { fetch: async () => (await go.promise, new Response("slow")) };
  const quick = { fetch: () => Promise.resolve(new Response("quick")) };
  gateway.setRoutes({
    routes: [
      route("app", [replica("r", "g", slow)]),
      route("other", [replica("o", "g", quick)], { hosts: ["other"] }),
    ],
  });
  // One connection each: a pipelined one would be answered in order.
  const conns: Deno.Conn[] = [];
  const request = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n");
  const count = Math.min(gatewayLimits.inFlightPerApp, 4_096);
  for (let i = 0; i < count; i++) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(request);
    conns.push(conn);
  }
  await until("full", () => gateway.metrics().app.inFlight === count, 20_000);
  const refused = await get(port, "app.localhost", "/");
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  assert.equal((await get(port, "other.localhost", "/")).body, "quick");
  go.resolve();
  for (const conn of conns) conn.close();
  await until("empty", () => gateway.metrics().app.inFlight === 0, 20_000);
});
