import assert from "node:assert/strict";
import { digestOf, keyIdOf, RealmError, sealGrant, utf8 } from "../protocol/mod.ts";
import { createFakeAgent } from "../../tests/fake_agent.ts";
import { nodeKey, owner, realm, testSigner } from "../../tests/test_keys.ts";
import { type ClientOptions, createClient, type Credentials } from "./client.ts";
import { makeKeyFile, signerOfKeyFile } from "./key_seal.ts";
import { formatKeyFile, parseKeyFile } from "../protocol/key_file.ts";
import { serveApi } from "./listen.ts";
import { newSeed, signerFromSeed, verifier } from "./signing.ts";
import { createVerifier } from "../platform/mod.ts";

const asOwner: Credentials = { realm, signer: owner, grants: [] };
const coded = (code: string) => (error: unknown) => error instanceof RealmError && error.code === code;

function setUp(change: Partial<ClientOptions> = {}) {
  const agent = createFakeAgent();
  const server = serveApi(agent);
  const client = createClient({ url: server.url, credentials: () => asOwner, ...change });
  return { agent, server, client, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

Deno.test("a client reads, submits, uploads and downloads over a real connection", async () => {
  await using at = setUp();
  const { client, agent } = at;
  assert.equal((await client.realm()).realm, realm);
  assert.deepEqual((await client.nodes()).map((n) => n.name), ["node-2", "node-3"]);
  assert.equal((await client.app("site")).phase, "steady");
  const { id } = await client.command("app.scale", { app: "site", replicas: 3 });
  assert.equal(agent.commands[0].id, id);
  const content = utf8("some content"), digest = digestOf(content);
  assert.deepEqual(await client.missing([digest]), [digest]);
  assert.deepEqual(await client.upload(digest, content), { digest, size: content.length });
  assert.deepEqual(await client.upload(digest, new Blob([Uint8Array.from(content)]).stream()), {
    digest,
    size: content.length,
  });
  assert.deepEqual(await client.missing([digest]), []);
  assert.equal(await new Response(await client.readBlob(digest)).text(), "some content");
  await assert.rejects(client.upload("0".repeat(64), content), coded("bad_digest"));
  await assert.rejects(client.app("none"), coded("not_found"));
});

Deno.test("what a node that catches up does not find is asked again while there is patience", async () => {
  await using impatient = setUp();
  impatient.agent.catchingUp = () => true;
  await assert.rejects(impatient.client.app("none"), coded("catching_up"));
  await assert.rejects(
    impatient.client.why("none"),
    /just started .* there is no app, run, .* none; ask again/,
  );
  assert.equal((await impatient.client.app("site")).name, "site", "what it knows it tells");

  await using patient = setUp({ patienceMs: 10_000 });
  const { agent, client } = patient;
  let asked = 0;
  agent.catchingUp = () => ++asked < 3;
  await assert.rejects(client.app("none"), coded("not_found"));
  assert.equal(asked, 3);
  asked = 0;
  const app = agent.app;
  agent.app = (name) => asked < 2 ? undefined : app(name);
  assert.equal((await client.app("site")).name, "site", "known by now");

  // A stream is gone after the first try.
  agent.catchingUp = () => true;
  agent.upload = () => Promise.reject(new RealmError("not_found", "there is no such upload"));
  const content = utf8("some content");
  await assert.rejects(
    client.upload(digestOf(content), new Blob([Uint8Array.from(content)]).stream()),
    coded("catching_up"),
  );
});

Deno.test("a client opens one session, keeps it, and opens another when the node forgot it", async () => {
  const opened: string[] = [];
  const agent = createFakeAgent();
  const first = serveApi(agent);
  const options = {
    credentials: () => asOwner,
    onSession: (s: { token: string }) => void opened.push(s.token),
  };
  const client = createClient({ url: first.url, ...options });
  await client.nodes();
  await client.apps();
  assert.equal(opened.length, 1);
  const { port } = first;
  await first[Symbol.asyncDispose]();
  await using _second = serveApi(agent, { port });
  await client.apps();
  assert.equal(opened.length, 2);
});

Deno.test("a client says so when no node answers, when it has no key, and when something else answers", async () => {
  await using at = setUp({ credentials: undefined });
  await assert.rejects(at.client.nodes(), coded("unauthenticated"));
  const nobody = createClient({ url: "http://127.0.0.1:1", credentials: () => asOwner });
  await assert.rejects(nobody.nodes(), coded("unreachable"));
  await using other = Deno.serve({ port: 0, onListen() {} }, () => new Response("hi", { status: 418 }));
  const wrong = createClient({ url: `http://127.0.0.1:${other.addr.port}`, credentials: () => asOwner });
  await assert.rejects(wrong.nodes(), coded("failed"));
});

Deno.test("followed logs and events arrive one by one and end when the reader stops", async () => {
  await using at = setUp();
  const texts: string[] = [];
  for await (const line of at.client.logs("site", { follow: true })) {
    texts.push(line.text);
    if (texts.length === 2) break;
  }
  assert.deepEqual(texts, ["hello", "world"]);
  const stop = new AbortController();
  for await (const event of at.client.events(41, stop.signal)) {
    assert.equal(event.n, 42);
    stop.abort();
  }
});

Deno.test("a browser follows events over a WebSocket with its token as sub-protocol", async () => {
  let token = "";
  await using at = setUp({ onSession: (s) => void (token = s.token) });
  await at.client.realm();
  const socket = new WebSocket(`${at.server.url.replace("http", "ws")}/api/events?after=6`, [
    "realm",
    `token.${token}`,
  ]);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  socket.onmessage = (message) => resolve(message.data);
  socket.onerror = () => reject(new Error("refused"));
  assert.equal(JSON.parse(await promise).n, 7);
  const closed = new Promise((done) => socket.onclose = done);
  socket.close();
  await closed;
  const refused = new WebSocket(`${at.server.url.replace("http", "ws")}/api/events`, [
    "realm",
    "token." + "A".repeat(43),
  ]);
  await new Promise((done) => refused.onclose = done);
  assert.notEqual(refused.readyState, WebSocket.OPEN);
});

Deno.test("serveApi() listens beyond loopback only with TLS, and says which port is taken", async () => {
  const agent = createFakeAgent();
  assert.throws(() => serveApi(agent, { host: "0.0.0.0" }), coded("usage"));
  await using server = serveApi(agent);
  assert.throws(() => serveApi(agent, { port: server.port }), coded("unavailable"));
});

Deno.test("an operator's grant travels with its session and its commands", async () => {
  const operator = testSigner(9), now = Date.now();
  const grant = sealGrant({
    v: 1,
    realm,
    key: keyIdOf(operator.publicKey),
    role: "operator",
    from: now - 1_000,
    until: now + 60_000,
  }, owner);
  await using at = setUp({ credentials: () => ({ realm, signer: operator, grants: [grant] }) });
  await at.client.nodes();
  await at.client.command("app.scale", { app: "site", replicas: 1 });
  await assert.rejects(at.client.command("key.revoke", { key: realm }), coded("role_too_low"));
});

Deno.test("signatures in plain JavaScript and by the platform are the same", () => {
  const seed = newSeed(), message = utf8("m");
  const plain = signerFromSeed(seed);
  assert.ok(createVerifier().verify(plain.publicKey, message, plain.sign(message)));
  assert.ok(verifier.verify(nodeKey.publicKey, message, nodeKey.sign(message)));
  assert.equal(verifier.verify(nodeKey.publicKey, utf8("n"), nodeKey.sign(message)), false);
  assert.equal(verifier.verify(new Uint8Array(3), message, new Uint8Array(64)), false);
});

Deno.test("a key file opens with its passphrase alone, and a damaged one opens nothing", async () => {
  const seed = newSeed();
  const never = () => assert.fail("no passphrase is needed");
  const plain = parseKeyFile(formatKeyFile(await makeKeyFile("owner", seed)));
  assert.ok(plain.ok);
  assert.deepEqual((await signerOfKeyFile(plain.value, never)).publicKey, signerFromSeed(seed).publicKey);
  const text = formatKeyFile(await makeKeyFile("owner", seed, "käse", 10));
  assert.doesNotMatch(text, /seed/);
  const sealed = parseKeyFile(text);
  assert.ok(sealed.ok);
  const opened = await signerOfKeyFile(sealed.value, () => "ka\u0308se");
  assert.deepEqual(opened.publicKey, signerFromSeed(seed).publicKey);
  await assert.rejects(signerOfKeyFile(sealed.value, () => "kase"), coded("usage"));
  const foreign = { ...sealed.value, id: keyIdOf(owner.publicKey) };
  await assert.rejects(signerOfKeyFile(foreign, () => "käse"), coded("usage"));
  for (const bad of ["", "realm-key-1\n", text.replace("sealed", "seal"), text.slice(0, -6), text + "x\n"]) {
    assert.equal(parseKeyFile(bad).ok, false);
  }
});

Deno.test("a hostile node that hands on another's challenge gets no session there", async () => {
  await using at = setUp();
  const relayed: string[] = [];
  const relay = async (url: string, init?: RequestInit) => {
    relayed.push(`${init?.method ?? "GET"} ${new URL(url).pathname}`);
    return await fetch(at.server.url + new URL(url).pathname, init);
  };
  for (const url of ["http://192.0.2.66:7481", "https://evil.example"]) {
    const client = createClient({ url, credentials: () => asOwner, fetch: relay });
    await assert.rejects(client.realm(), coded("bad_origin"));
    assert.deepEqual(relayed.splice(0), ["GET /api/session", "POST /api/session"]);
  }
});

Deno.test("a client that means one node signs nothing for another that answers in its place", async () => {
  const meant = keyIdOf(testSigner(8).publicKey);
  await using at = setUp({ node: () => meant });
  await assert.rejects(at.client.realm(), coded("bad_origin"));
});
