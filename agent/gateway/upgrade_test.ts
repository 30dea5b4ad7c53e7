import assert from "node:assert/strict";
import { createBed, get, raw, replica, route, until, utf8 } from "../../tests/gateway_bed.ts";
import { canTakeOver } from "./raw_upgrade.ts";

/** A WebSocket server that echoes, greets with what it saw, and answers plain requests. */
function echoService() {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    if (request.headers.get("upgrade") !== "websocket") {
      const seen = `${request.method} ${new URL(request.url).pathname} ${
        request.headers.get("x-forwarded-for")
      }`;
      return new Response(seen, { headers: { "x-service": "yes" } });
    }
    if (request.url.endsWith("/refuse")) return new Response("no entry", { status: 403 });
    const { socket, response } = Deno.upgradeWebSocket(request, {
      protocol: request.headers.get("sec-websocket-protocol") ?? undefined,
    });
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(`hello ${new URL(request.url).pathname}`);
    socket.onmessage = (event) => event.data === "bye" ? socket.close(4001, "bye") : socket.send(event.data);
    socket.onerror = () => {};
    return response;
  });
  const target = { hostname: "127.0.0.1", port: server.addr.port };
  return { target, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** A TCP server that switches to a protocol of its own: it answers every byte with the next one. */
function rawService() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  (async () => {
    for await (const conn of listener) {
      (async () => {
        const buffer = new Uint8Array(4096);
        await conn.read(buffer);
        await conn.write(
          utf8(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: plus1\r\nX-A: b\r\n\r\nEARLY",
          ),
        );
        for (;;) {
          const n = await conn.read(buffer);
          if (n === null) break;
          await conn.write(buffer.slice(0, n).map((b) => b + 1));
        }
        conn.close();
      })().catch(() => {});
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  return { target: { hostname: "127.0.0.1", port }, [Symbol.dispose]: () => listener.close() };
}

async function messages(socket: WebSocket, count: number): Promise<unknown[]> {
  const out: unknown[] = [];
  const done = Promise.withResolvers<void>();
  socket.onmessage = (event) => {
    out.push(event.data);
    if (out.length === count) done.resolve();
  };
  socket.onerror = () => done.reject(new Error("socket failed"));
  await done.promise;
  return out;
}

for (const where of ["on this node", "on another node"] as const) {
  Deno.test(`a WebSocket passes to a service ${where}: text, large binary, subprotocol, close code`, async () => {
    await using service = echoService();
    await using bed = createBed();
    const front = await bed.gateway("g"), back = await bed.gateway("n");
    const local = replica("r", "n", { connect: service.target });
    back.gateway.setRoutes({ routes: [route("app", [local])] });
    const far = replica("r", "n", undefined, { upgrade: true });
    front.gateway.setRoutes({
      routes: [route("app", [where === "on this node" ? { ...local, node: "g" } : far])],
    });
    const socket = new WebSocket(`ws://127.0.0.1:${front.port}/chat`, ["chat"]);
    socket.binaryType = "arraybuffer";
    assert.deepEqual(await messages(socket, 1), ["hello /chat"]);
    assert.equal(socket.protocol, "chat");
    assert.equal(front.gateway.metrics().app.tunnels, 1);
    // The replica is busy at the node that runs it as well: who stops it there has to wait.
    const serving = where === "on this node" ? front.gateway : back.gateway;
    assert.equal(await serving.idle("r", 1), false);
    const idle = serving.idle("r", 30_000);
    const big = crypto.getRandomValues(new Uint8Array(60_000));
    socket.send("one");
    socket.send(big);
    const [text, bytes] = await messages(socket, 2);
    assert.equal(text, "one");
    assert.deepEqual(new Uint8Array(bytes as ArrayBuffer), big);
    const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
    socket.send("bye");
    assert.equal((await closed).code, 4001);
    assert.equal(await idle, true);
    await until("the tunnel is gone", () => front.gateway.metrics().app.tunnels === 0);
    assert.equal(front.gateway.inFlight("r"), 0);
  });

  Deno.test(`any protocol can be switched to ${where}, bytes before and after, and half-closing ends it`, async () => {
    using service = rawService();
    await using bed = createBed();
    const front = await bed.gateway("g"), back = await bed.gateway("n");
    const local = replica("r", "n", { connect: service.target });
    back.gateway.setRoutes({ routes: [route("app", [local])] });
    const far = replica("r", "n", undefined, { upgrade: true });
    front.gateway.setRoutes({
      routes: [route("app", [where === "on this node" ? { ...local, node: "g" } : far])],
    });
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: front.port });
    await conn.write(
      utf8(
        "GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: plus1\r\n\r\n",
      ),
    );
    let text = "";
    const buffer = new Uint8Array(4096);
    const read = async (end: string) => {
      while (!text.endsWith(end)) {
        const n = await conn.read(buffer);
        if (n === null) throw new Error(`ended after ${text}`);
        text += new TextDecoder().decode(buffer.subarray(0, n));
      }
    };
    await read("EARLY");
    assert.match(text, /^HTTP\/1\.1 101 /);
    assert.match(text, /upgrade: plus1\r\n/i);
    assert.match(text, /x-a: b\r\n/i);
    await conn.write(utf8("ABC"));
    await read("BCD");
    await conn.closeWrite();
    assert.equal(await conn.read(buffer), null);
    conn.close();
    await until("the tunnel is gone", () => front.gateway.metrics().app.tunnels === 0);
  });
}

Deno.test("a service that refuses an upgrade answers as usual, and its plain requests pass", async () => {
  await using service = echoService();
  await using bed = createBed();
  const { gateway, port } = await bed.gateway("g");
  gateway.setRoutes({ routes: [route("app", [replica("r", "g", { connect: service.target })])] });
  const refused = await get(port, "app.localhost", "/refuse", {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  });
  assert.deepEqual([refused.status, refused.body], [403, "no entry"]);
  const plain = await get(port, "app.localhost", "/x");
  assert.deepEqual([plain.body, plain.headers.get("x-service")], ["GET /x 127.0.0.1", "yes"]);
});

Deno.test("an upgrade for an app that takes none is refused; without the Connection field it is a plain request", async () => {
  await using bed = createBed();
  const { gateway, port } = await bed.gateway("g");
  const local = { fetch: () => Promise.resolve(new Response("plain")) };
  gateway.setRoutes({ routes: [route("app", [replica("r", "g", local)], { holdMs: 20 })] });
  const a = await get(port, "app.localhost", "/", { Connection: "Upgrade", Upgrade: "websocket" });
  assert.equal(a.status, 503);
  const b = await raw(
    port,
    "GET / HTTP/1.1\r\nHost: app.localhost\r\nUpgrade: h2c\r\nConnection: close\r\n\r\n",
  );
  assert.equal(b.body, "plain");
});

Deno.test("closing the gateway ends upgraded connections", async () => {
  await using service = echoService();
  await using bed = createBed();
  const { gateway, port } = await bed.gateway("g");
  gateway.setRoutes({ routes: [route("app", [replica("r", "g", { connect: service.target })])] });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  await messages(socket, 1);
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.onerror = () => {};
  await gateway.close(10);
  await closed;
});

Deno.test("this version of the runtime lets a connection be taken over", () => assert.ok(canTakeOver()));
