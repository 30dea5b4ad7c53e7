import assert from "node:assert/strict";
import { digestOf, RealmError, utf8 } from "../protocol/mod.ts";
import { eventually, noise, sha256, streamOf } from "../../tests/content.ts";
import { createCuttingProxy } from "../../tests/cutting_proxy.ts";
import { createFakeAgent } from "../../tests/fake_agent.ts";
import { owner, realm } from "../../tests/test_keys.ts";
import { createClient } from "./client.ts";
import { serveApi } from "./listen.ts";

const MB = 1 << 20;
const credentials = () => ({ realm, signer: owner, grants: [] });
const coded = (code: string) => (error: unknown) => error instanceof RealmError && error.code === code;

Deno.test("an upload goes on by itself where the node stands when its connection is cut", async () => {
  const agent = createFakeAgent();
  const { upload } = agent;
  let arrived = 0;
  agent.upload = (digest, body, signal, offset) => {
    const counting = new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        arrived += piece.length;
        controller.enqueue(piece);
      },
    });
    return upload(digest, body.pipeThrough(counting), signal, offset);
  };
  await using server = serveApi(agent);
  await using proxy = createCuttingProxy(server.url);
  const content = noise(12 * MB), digest = sha256(content);
  const client = createClient({ url: proxy.url, credentials });
  assert.deepEqual(await client.missing([digest]), [digest]);
  proxy.allow(5 * MB);
  const starts: number[] = [], broken: number[] = [];
  const source = {
    size: content.length,
    from(offset: number) {
      starts.push(offset);
      return streamOf(content.subarray(offset));
    },
  };
  const uploading = client.upload(digest, source, {
    onInterrupted: ({ offset }) => void broken.push(offset),
  });
  await eventually(() => arrived > 4 * MB, "the node has what passed", 30_000);
  proxy.cut();
  proxy.allow(Infinity);
  assert.deepEqual(await uploading, { digest, size: content.length });
  assert.deepEqual(agent.store.get(digest), content);
  assert.equal(starts.length, 2);
  assert.equal(starts[0], 0);
  assert.ok(starts[1] > 3 * MB && starts[1] <= 5 * MB, `it went on at ${starts[1]}`);
  assert.deepEqual(broken, [starts[1]]);
});

Deno.test("what a node has of an earlier call is not sent again, and what it has whole not at all", async () => {
  const agent = createFakeAgent();
  await using server = serveApi(agent);
  const content = noise(3 * MB, 2), digest = sha256(content);
  const client = createClient({ url: server.url, credentials });
  const stop = new AbortController();
  let read = 0;
  const first = client.upload(digest, {
    size: content.length,
    from: () =>
      new ReadableStream({
        pull(c) {
          if (read >= 2 * MB) return stop.abort();
          c.enqueue(content.slice(read, read += 65_536));
        },
      }, { highWaterMark: 0 }),
  }, { signal: stop.signal });
  await assert.rejects(first);
  const starts: number[] = [];
  const file = {
    size: content.length,
    from: (at: number) => (starts.push(at), streamOf(content.subarray(at))),
  };
  await client.upload(digest, file);
  assert.equal(starts.length, 1);
  assert.ok(starts[0] > 0 && starts[0] <= 2 * MB, `it went on at ${starts[0]}`);
  await client.upload(digest, file);
  assert.equal(starts.length, 1);
});

Deno.test("small content is sent again whole, also when the session ended with the agent", async () => {
  const agent = createFakeAgent();
  const first = serveApi(agent);
  await using proxy = createCuttingProxy(first.url);
  const client = createClient({ url: proxy.url, credentials });
  await client.nodes();
  await first[Symbol.asyncDispose]();
  proxy.cut();
  const content = utf8("small"), digest = digestOf(content);
  let again: ReturnType<typeof serveApi> | undefined;
  const done = await client.upload(digest, content, {
    onInterrupted() {
      again ??= serveApi(agent);
      proxy.to(again.url);
    },
  });
  assert.equal(done.size, 5);
  assert.deepEqual(agent.store.get(digest), content);
  await again![Symbol.asyncDispose]();
});

Deno.test("an upload ends with the cause when it can never succeed", async () => {
  const agent = createFakeAgent();
  await using server = serveApi(agent);
  const client = createClient({ url: server.url, credentials });
  const content = noise(2 * MB), digest = sha256(content);
  await assert.rejects(client.upload("0".repeat(64), content), coded("bad_digest"));
  const broken = {
    size: content.length,
    from: () => new ReadableStream<Uint8Array>({ pull: (c) => c.error(new Error("the disk broke")) }),
  };
  await assert.rejects(client.upload(digest, broken), /the disk broke/);
  agent.upload = () => Promise.reject(new RealmError("no_space", "the store is full"));
  await assert.rejects(client.upload(digest, content), coded("no_space"));
  const large = { size: 64 * MB, from: () => streamOf(noise(64 * MB)) };
  await assert.rejects(client.upload(digest, large), coded("no_space"));
  const nobody = createClient({ url: "http://127.0.0.1:1", credentials });
  await assert.rejects(nobody.upload(digest, content), coded("unreachable"));
});
