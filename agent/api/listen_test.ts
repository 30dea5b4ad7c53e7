import assert from "node:assert/strict";
import { createClient } from "./client.ts";
import { createFakeAgent } from "../../tests/fake_agent.ts";
import { owner, realm } from "../../tests/test_keys.ts";
import { apiLimits } from "../protocol/mod.ts";
import { serveApi } from "./listen.ts";

/** An API whose agent never answers a diagnosis, with a session of the owner. */
async function setUp() {
  const asked = Promise.withResolvers<void>();
  const agent = {
    ...createFakeAgent(),
    diagnose: () => (asked.resolve(), new Promise<never>(() => {})),
  };
  const server = serveApi(agent);
  let token = "";
  const client = createClient({
    url: server.url,
    credentials: () => ({ realm, signer: owner, grants: [] }),
    onSession: (s) => void (token = s.token),
  });
  await client.realm();
  return { agent, server, client, token, asked: asked.promise };
}

Deno.test("what has no answer when the node ends is refused with the reason, and at once", async () => {
  const { server, client, asked } = await setUp();
  const waiting = client.diagnose("node-2");
  await asked;
  const started = performance.now();
  const refused = assert.rejects(waiting, { code: "unavailable", message: /this node is ending/ });
  await server[Symbol.asyncDispose]();
  assert.ok(performance.now() - started < apiLimits.endMs, "nothing was waited for");
  await refused;
});

Deno.test("a standing stream does not hold up the node's end, and its reader hears that it broke off", async () => {
  const { server, client } = await setUp();
  const open = Promise.withResolvers<void>();
  const broke = assert.rejects(async () => {
    for await (const _ of client.events()) open.resolve();
  }, { code: "unreachable" });
  await open.promise;
  const started = performance.now();
  await server[Symbol.asyncDispose]();
  assert.ok(performance.now() - started < apiLimits.endMs, "nothing was waited for");
  await broke;
});

Deno.test("who takes no bytes of an answer holds up the node's end for a bounded time", async () => {
  const { agent, server, token } = await setUp();
  const endless = new ReadableStream<Uint8Array>({ pull: (c) => c.enqueue(new Uint8Array(1_000_000)) });
  agent.readBlob = () => Promise.resolve(endless);
  const response = await fetch(`${server.url}/api/blobs/${"0".repeat(64)}/content`, {
    headers: { authorization: `Bearer ${token}` },
  });
  assert.equal(response.status, 200);
  const started = performance.now();
  await server[Symbol.asyncDispose]();
  const took = performance.now() - started;
  assert.ok(took >= apiLimits.endMs - 50 && took < apiLimits.endMs + 2_000, `${took} ms`);
  await assert.rejects(new Response(response.body).arrayBuffer());
});
