import assert from "node:assert/strict";
import { createBed, get, raw, replica, route, until } from "../../tests/gateway_bed.ts";
import { RealmError } from "../protocol/errors.ts";
import type { LocalReplica, ReplicaTarget, Route } from "./mod.ts";

const H = "app.localhost";
const fetching = (fetch: (request: Request) => Response | Promise<Response>): LocalReplica => ({
  fetch: async (request) => await fetch(request),
});
const unavailable = (sent: boolean) => new RealmError("unavailable", "gone", { detail: { sent } });

/** Gateway `g` routes to replicas on nodes `n1`, `n2` …, which run `locals` in order. */
async function across(locals: readonly LocalReplica[], more: Partial<Route> = {}) {
  const bed = createBed();
  const front = await bed.gateway("g");
  const targets: ReplicaTarget[] = [];
  const nodes = [];
  for (const [i, local] of locals.entries()) {
    const id = `n${i + 1}`;
    const node = await bed.gateway(id);
    node.gateway.setRoutes({ routes: [route("app", [replica(id, id, local)], more)] });
    nodes.push(node.gateway);
    targets.push(replica(id, id, undefined, { rttMs: 1 + i * 100 }));
  }
  front.gateway.setRoutes({ routes: [route("app", targets, more)] });
  return { bed, ...front, targets, nodes, [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose]() };
}

Deno.test("a request crosses the mesh with method, path, query, fields and body, and its answer comes back", async () => {
  await using s = await across([fetching(async (r) => {
    const { pathname, search } = new URL(r.url);
    const headers = new Headers({ "x-method": r.method, "x-where": pathname + search });
    headers.append("set-cookie", "a=1");
    headers.append("set-cookie", "b=2");
    for (const name of ["host", "x-custom", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]) {
      headers.set(`got-${name}`, r.headers.get(name) ?? "");
    }
    return new Response((await r.text()).toUpperCase(), { status: 201, headers });
  })]);
  const a = await raw(
    s.port,
    `PATCH /a%20b?q=1&r HTTP/1.1\r\nHost: ${H}\r\nX-Custom: yes\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`,
  );
  assert.deepEqual([a.status, a.body], [201, "HELLO"]);
  assert.equal(a.headers.get("x-method"), "PATCH");
  assert.equal(a.headers.get("x-where"), "/a%20b?q=1&r");
  assert.equal(a.headers.get("got-host"), H);
  assert.equal(a.headers.get("got-x-custom"), "yes");
  assert.equal(a.headers.get("got-x-forwarded-for"), "127.0.0.1");
  assert.equal(a.headers.get("got-x-forwarded-host"), H);
  assert.equal(a.headers.get("got-x-forwarded-proto"), "http");
  assert.deepEqual(a.headers.getSetCookie(), ["a=1", "b=2"]);
});

Deno.test("a large body streams both ways across the mesh and arrives whole", async () => {
  await using s = await across([fetching((r) => new Response(r.body))]);
  const sent = new Uint8Array(5_000_000).map((_, i) => (i * 7) % 256);
  const chunks = new ReadableStream({
    start(c) {
      for (let at = 0; at < sent.length; at += 70_000) c.enqueue(sent.slice(at, at + 70_000));
      c.close();
    },
  });
  const response = await fetch(`http://127.0.0.1:${s.port}/`, { method: "POST", body: chunks });
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), sent);
  await until("counted", () => s.gateway.metrics().app.bytesOut === sent.length);
  assert.equal(s.gateway.metrics().app.bytesIn, sent.length);
});

Deno.test("an event stream arrives event by event, and ends at the app when the client leaves", async () => {
  const step = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  await using s = await across([fetching(() => {
    const body = new ReadableStream({
      async start(c) {
        c.enqueue(new TextEncoder().encode("data: 1\n\n"));
        await step.promise;
        c.enqueue(new TextEncoder().encode("data: 2\n\n"));
      },
      cancel: () => left.resolve(),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  })]);
  const response = await fetch(`http://127.0.0.1:${s.port}/events`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, "data: 1\n\n");
  step.resolve();
  assert.equal((await reader.read()).value, "data: 2\n\n");
  await reader.cancel();
  await left.promise;
  await until("no request in work", () => s.gateway.metrics().app.inFlight === 0);
  assert.equal(s.gateway.metrics().app.errors.aborted, 1);
});

Deno.test("a slow reader holds back the app: at most a bounded amount is read ahead", async () => {
  let produced = 0;
  await using s = await across([fetching(() =>
    new Response(
      new ReadableStream({
        pull(c) {
          produced += 65536;
          c.enqueue(new Uint8Array(65536));
        },
      }, { highWaterMark: 0 }),
    )
  )]);
  const response = await fetch(`http://127.0.0.1:${s.port}/`);
  const reader = response.body!.getReader();
  await reader.read();
  let before = -1;
  // Sockets hold some megabytes; without backpressure this never settles.
  await until("production stops", () => {
    const same = before === produced;
    before = produced;
    return same && produced > 0;
  }, 10_000);
  const settled = produced;
  for (let i = 0; i < 20; i++) await new Promise((r) => setTimeout(r, 5));
  assert.equal(produced, settled);
  assert.ok(produced < 64 * 1024 * 1024, `${produced} bytes read ahead`);
  await reader.cancel();
});

Deno.test("the nearest replica is used, a local one before all; equal ones share", async () => {
  const hits = [0, 0];
  const counting = (i: number) => fetching(() => (hits[i]++, new Response("x")));
  await using s = await across([counting(0), counting(1)]);
  for (let i = 0; i < 6; i++) await get(s.port, H, "/");
  assert.deepEqual(hits, [6, 0]);
  s.gateway.setRoutes({ routes: [route("app", s.targets.map((t) => ({ ...t, rttMs: 3 })))] });
  for (let i = 0; i < 6; i++) await get(s.port, H, "/");
  assert.deepEqual(hits, [9, 3]);
  const here = replica("here", "g", fetching(() => new Response("local")));
  s.gateway.setRoutes({ routes: [route("app", [...s.targets, here])] });
  assert.equal((await get(s.port, H, "/")).body, "local");
});

Deno.test("a safe request is tried on another replica when one is unavailable, vanishes, or is cut before the content", async () => {
  const failing: (() => Response | Promise<Response>)[] = [
    () => Promise.reject(unavailable(true)),
    () => new Response(new ReadableStream({ start: (c) => c.error(new Error("died")) })),
    () =>
      new Response(
        new ReadableStream({
          start: (c) => c.enqueue(new Uint8Array(10)),
          pull: (c) => c.error(new Error("died midway")),
        }),
      ),
    () => new Response("short", { headers: { "content-length": "100" } }),
  ];
  for (const [i, fail] of failing.entries()) {
    await using s = await across([fetching(fail), fetching(() => new Response("good"))]);
    const a = await get(s.port, H, "/");
    assert.deepEqual([a.status, a.body], [200, "good"], `case ${i}`);
    assert.equal(s.gateway.metrics().app.retries, 1, `case ${i}`);
  }
  await using s = await across([fetching(() => new Response("x")), fetching(() => new Response("good"))]);
  s.bed.mesh.cut("n1");
  assert.equal((await get(s.port, H, "/")).body, "good");
  assert.equal((await get(s.port, H, "/")).body, "good");
  assert.equal(s.gateway.metrics().app.retries, 1, "the second request passes over the failed replica");
});

Deno.test("a POST is tried again only when nothing of it can have reached an app", async () => {
  let received = 0;
  const counting = fetching(async (r) => (received++, new Response(await r.text())));
  const post = (port: number) =>
    raw(port, `POST / HTTP/1.1\r\nHost: ${H}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi`);
  {
    await using s = await across([fetching(() => Promise.reject(unavailable(true))), counting]);
    assert.equal((await post(s.port)).status, 503);
    assert.equal(received, 0);
  }
  {
    await using s = await across([fetching(() => Promise.reject(unavailable(false))), counting]);
    const a = await post(s.port);
    assert.deepEqual([a.status, a.body, received], [200, "hi", 1]);
  }
  await using s = await across([counting, counting]);
  s.bed.mesh.cut("n1");
  assert.equal((await post(s.port)).body, "hi");
  assert.equal(received, 2);
});

Deno.test("a large POST refused before its body was sent goes elsewhere with the whole body", async () => {
  await using s = await across([
    fetching(() => Promise.reject(unavailable(false))),
    fetching(async (r) => new Response(String((await r.arrayBuffer()).byteLength))),
  ]);
  const response = await fetch(`http://127.0.0.1:${s.port}/`, {
    method: "POST",
    body: new Uint8Array(1_000_000),
  });
  assert.equal(await response.text(), "1000000");
});

Deno.test("a response that is cut after its head was sent cuts the client's connection, with any framing", async () => {
  for (const headers of [{}, { "content-length": "1000000" }] as Record<string, string>[]) {
    const cut = Promise.withResolvers<void>();
    await using s = await across([fetching(() =>
      new Response(
        new ReadableStream({
          async start(c) {
            c.enqueue(new Uint8Array(100_000).fill(97));
            await cut.promise;
            c.error(new Error("died"));
          },
        }),
        { headers },
      )
    )]);
    const answered = raw(s.port, `GET / HTTP/1.1\r\nHost: ${H}\r\n\r\n`);
    await until("the head is sent", () => s.gateway.inFlight("n1") === 1);
    await new Promise((r) => setTimeout(r, 100));
    cut.resolve();
    const a = await answered;
    assert.equal(a.status, 200);
    assert.equal(a.complete, false);
    assert.equal(s.gateway.metrics().app.errors.cut, 1);
  }
});

Deno.test("a request that ends its replica does not end them all: three attempts, then 503", async () => {
  let calls = 0;
  const dying = fetching(() => (calls++, Promise.reject(unavailable(true))));
  await using s = await across([dying, dying, dying, dying, dying]);
  assert.equal((await get(s.port, H, "/poison")).status, 503);
  assert.equal(calls, 3);
});

Deno.test("a request waits while no replica is ready, and is answered by the next table; then 503 with Retry-After", async () => {
  await using s = await across([fetching(() => new Response("v2"))], { holdMs: 5_000 });
  s.gateway.setRoutes({ routes: [route("app", s.targets.map((t) => ({ ...t, ready: false })))] });
  const waiting = get(s.port, H, "/");
  const posting = raw(
    s.port,
    `POST / HTTP/1.1\r\nHost: ${H}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi`,
  );
  await until("held", () => s.gateway.metrics().app?.held === 2);
  s.gateway.setRoutes({ routes: [route("app", s.targets)] });
  assert.equal((await waiting).body, "v2");
  assert.equal((await posting).body, "v2");
  s.gateway.setRoutes({ routes: [route("app", [], { holdMs: 30 })] });
  const late = await get(s.port, H, "/");
  assert.deepEqual([late.status, late.headers.get("retry-after")], [503, "1"]);
  s.gateway.setRoutes({ routes: [route("app", [])] });
  const removed = get(s.port, H, "/");
  await until("held", () => s.gateway.metrics().app.held === 4);
  s.gateway.setRoutes({ routes: [] });
  assert.equal((await removed).status, 404);
});

Deno.test("requests under way to a node that is declared lost are tried elsewhere at once", async () => {
  const never = fetching(() => new Promise<Response>(() => {}));
  await using s = await across([never, fetching(() => new Response("good"))]);
  const waiting = get(s.port, H, "/");
  await until("under way", () => s.nodes[0].inFlight("n1") === 1);
  s.gateway.setRoutes({ routes: [route("app", s.targets)], lost: ["n1"] });
  assert.equal((await waiting).body, "good");
  await until("ended there", () => s.nodes[0].inFlight("n1") === 0 || true);
});

Deno.test("a node whose named replica is gone answers with another of the app, or refuses so that the gateway goes on", async () => {
  await using s = await across([fetching(() => new Response("old")), fetching(() => new Response("other"))]);
  s.nodes[0].setRoutes({
    routes: [route("app", [replica("n1-new", "n1", fetching(() => new Response("new")))])],
  });
  assert.equal((await get(s.port, H, "/")).body, "new");
  s.nodes[0].setRoutes({ routes: [] });
  assert.equal((await get(s.port, H, "/")).body, "other");
});

Deno.test("an app that is full or slow is told apart: 503 for too long a queue, 504 for a time-out, 502 for a failure", async () => {
  const codes = [["unavailable", 503], ["timed_out", 504], ["failed", 502], ["too_large", 413]] as const;
  for (const [code, status] of codes) {
    await using s = await across([fetching(() => Promise.reject(new RealmError(code, "why")))], {
      holdMs: 0,
    });
    assert.equal((await get(s.port, H, "/")).status, status);
  }
  await using s = await across([fetching(() => Promise.reject(new TypeError("secret internals")))]);
  const a = await get(s.port, H, "/");
  assert.equal(a.status, 502);
  assert.ok(!a.text.includes("secret"));
});

Deno.test("a body above the route's limit is refused with 413, announced or not", async () => {
  await using s = await across([fetching(async (r) => new Response(await r.text()))], {
    maxBodyBytes: 100_000,
  });
  const announced = await raw(
    s.port,
    `POST / HTTP/1.1\r\nHost: ${H}\r\nContent-Length: 100001\r\nConnection: close\r\n\r\n`,
    500,
  );
  assert.equal(announced.status, 413);
  const chunk = "x".repeat(50_000);
  const frames = `${(50_000).toString(16)}\r\n${chunk}\r\n`.repeat(3) + "0\r\n\r\n";
  const chunked = await raw(
    s.port,
    `POST / HTTP/1.1\r\nHost: ${H}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${frames}`,
  );
  assert.equal(chunked.status, 413);
});

Deno.test("idle resolves when the last request on a replica has ended, also one for another node", async () => {
  const go = Promise.withResolvers<void>();
  await using s = await across([fetching(async () => (await go.promise, new Response("x")))]);
  const waiting = get(s.port, H, "/");
  await until("under way", () => s.nodes[0].inFlight("n1") === 1 && s.gateway.inFlight("n1") === 1);
  let idle = 0;
  const never = s.gateway.idle("n1", 1);
  s.nodes[0].idle("n1", 30_000).then(() => idle++);
  s.gateway.idle("n1", 30_000).then(() => idle++);
  s.gateway.setRoutes({ routes: [] });
  assert.equal(await never, false, "it says so when the time is over");
  assert.equal(idle, 0);
  go.resolve();
  assert.equal((await waiting).body, "x");
  await until("idle", () => idle === 2);
});

Deno.test("a stream that pauses or never pauses starts at the client although it could still be tried elsewhere", async () => {
  for (const gapMs of [1, 400]) {
    await using s = await across([fetching(() => {
      const body = new ReadableStream({
        async pull(c) {
          c.enqueue(new Uint8Array(10));
          await new Promise((resolve) => setTimeout(resolve, gapMs));
        },
      }, { highWaterMark: 0 });
      return new Response(body);
    })]);
    const response = await fetch(`http://127.0.0.1:${s.port}/`);
    const reader = response.body!.getReader();
    assert.ok((await reader.read()).value!.length > 0);
    await reader.cancel();
  }
});
