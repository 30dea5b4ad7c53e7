import assert from "node:assert/strict";
import {
  keyIdOf,
  nodeIdOf,
  queries,
  type Query,
  type QueryName,
  RealmError,
  sealCommand,
  type SignedSession,
} from "../protocol/mod.ts";
import { nodeKey, owner, realm, self, testSigner } from "../../tests/test_keys.ts";
import {
  ask,
  assertion,
  byOperator,
  grant,
  nonce,
  operator,
  operatorId,
  ORIGIN,
  post,
  refused,
  sample,
  setUp,
  tokenOf,
  withToken,
} from "../../tests/api_bed.ts";

const guarded = (Object.keys(queries) as QueryName[]).filter((n) => (queries[n] as Query).role !== undefined);

for (const name of guarded) {
  const needed = (queries[name] as Query).role!;
  Deno.test(`${name} refuses whoever has no session, a made-up one, or one that ended`, async () => {
    const { agent, api } = setUp();
    const { path, init } = sample(name);
    await refused(await ask(api, path, init), "unauthenticated", 401);
    await refused(await ask(api, path, withToken("A".repeat(43), init)), "unauthenticated", 401);
    const token = await tokenOf(api);
    agent.skew = 3_600_000;
    await refused(await ask(api, path, withToken(token, init)), "unauthenticated", 401);
  });

  Deno.test(`${name} refuses a session from the moment its key is revoked or its grant ends`, async () => {
    const { agent, api } = setUp();
    const { path, init } = sample(name);
    const first = await tokenOf(api, await assertion(api, {}, byOperator(grant("admin"))));
    agent.revoked.set(operatorId, Date.now() - 1);
    await refused(await ask(api, path, withToken(first, init)), "grant_revoked", 403);
    agent.revoked.clear();
    const ending = grant("admin", { until: Date.now() + 60_000 });
    const short = await assertion(api, {}, byOperator(ending));
    const second = await tokenOf(api, short);
    agent.skew = 120_000;
    await refused(await ask(api, path, withToken(second, init)), "grant_expired", 403);
  });

  if (needed !== "viewer") {
    Deno.test(`${name} refuses a session of a role below ${needed}`, async () => {
      const { api } = setUp();
      const { path, init } = sample(name);
      const signed = await assertion(api, {}, byOperator(grant("viewer")));
      await refused(await ask(api, path, withToken(await tokenOf(api, signed), init)), "role_too_low", 403);
    });
  }

  Deno.test(`${name} answers a session of role ${needed}`, async () => {
    const { agent, api } = setUp();
    agent.store.set("0".repeat(64), new Uint8Array([1]));
    const { path, init } = sample(name);
    const signed = await assertion(api, {}, byOperator(grant(needed)));
    const response = await ask(api, path, withToken(await tokenOf(api, signed), init));
    if (name === "upload.put") await refused(response, "bad_digest");
    else assert.equal(response.status, name === "upgrade.upload" ? 202 : 200);
    await response.body?.cancel().catch(() => {});
  });
}

Deno.test("a session is opened once by one assertion, for this realm and node, at this time", async () => {
  const { api, agent } = setUp();
  const signed = await assertion(api);
  await tokenOf(api, signed);
  await refused(await post(api, "/api/session", signed), "replayed", 409);
  const other = keyIdOf(operator.publicKey);
  await refused(await post(api, "/api/session", await assertion(api, { realm: other })), "wrong_realm", 403);
  const elsewhere = nodeIdOf(testSigner(7).publicKey);
  await refused(
    await post(api, "/api/session", await assertion(api, { node: elsewhere })),
    "bad_origin",
    403,
  );
  const forged = { ...signed, envelope: { ...signed.envelope, keyid: other } };
  await refused(await post(api, "/api/session", forged), "bad_signature", 401);
  const stranger = await assertion(api, {}, byOperator());
  await refused(await post(api, "/api/session", stranger), "not_authorised", 403);
  agent.skew = 20 * 60_000;
  await refused(await post(api, "/api/session", signed), "stale_command");
});

Deno.test("a challenge is good for two minutes, for the node that made it, and for nobody who makes one up", async () => {
  const { api, agent } = setUp();
  const other = setUp();
  const foreign = await (await ask(other.api, "/api/session")).json();
  assert.equal(foreign.node, self, "both fakes have one id: only the challenge differs");
  const post0 = async (signed: SignedSession) => await post(api, "/api/session", signed);
  await refused(await post0(await assertion(api, { challenge: foreign.challenge })), "stale_command", 403);
  const late = Date.now() + 3_600_000;
  await refused(
    await post0(await assertion(api, { challenge: `${late}.AAAAAAAAAAAAAAAA.AAAA` })),
    "stale_command",
  );
  const signed = await assertion(api);
  agent.skew = 119_000;
  const kept = await assertion(api);
  assert.equal((await post0(signed)).status, 200);
  agent.skew = 240_000;
  await refused(await post0(kept), "stale_command");
});

Deno.test("an assertion made for another address than this node's is refused, whoever hands it on", async () => {
  const { api } = setUp({ hosts: ["realm.example"] });
  const from = async (peer: string, address: string) => {
    const signed = await assertion(api, { address });
    const request = new Request(ORIGIN + "/api/session", {
      method: "POST",
      body: JSON.stringify(signed),
      headers: { "content-type": "application/json" },
    });
    return await api.fetch(request, { remoteAddr: { hostname: peer, port: 1, transport: "tcp" } });
  };
  const loopback = [
    "http://127.0.0.1:7481",
    "http://localhost:9000",
    "http://[::1]:7481",
    "http://127.0.0.1",
  ];
  for (const address of loopback) {
    assert.equal((await from("127.0.0.1", address)).status, 200, address);
    // Another machine was reached at a loopback address of the client's: not this one.
    await refused(await from("192.0.2.7", address), "bad_origin", 403);
  }
  assert.equal((await from("::1", "https://localhost:7481")).status, 200);
  for (const peer of ["127.0.0.1", "192.0.2.7"]) {
    assert.equal((await from(peer, "https://realm.example")).status, 200);
    for (
      const address of [
        "https://evil.example",
        "https://192.0.2.9:7481",
        "http://[2001:db8::1]",
        "http://x:1",
      ]
    ) {
      await refused(await from(peer, address), "bad_origin", 403);
    }
  }
  const own = Deno.networkInterfaces().find((i) => i.family === "IPv4" && !i.address.startsWith("127."));
  if (own) assert.equal((await from(own.address, `https://${own.address}:7481`)).status, 200);
});

Deno.test("sessions are bounded: the oldest gives way, and remembered assertions never do", async () => {
  const { api } = setUp({ bounds: { sessions: 2, sessionNonces: 3 } });
  const first = await tokenOf(api);
  const second = await tokenOf(api);
  await tokenOf(api);
  await refused(await ask(api, "/api/realm", withToken(first)), "unauthenticated");
  assert.equal((await ask(api, "/api/realm", withToken(second))).status, 200);
  await refused(await post(api, "/api/session", await assertion(api)), "rate_limited", 429);
});

Deno.test("the node's own key reads at its node and cannot upload; another node's key opens nothing", async () => {
  const { api } = setUp();
  const token = await tokenOf(api, await assertion(api, {}, { signer: nodeKey, grants: [], as: "node" }));
  assert.equal((await ask(api, "/api/realm", withToken(token))).status, 200);
  const { path, init } = sample("upload.put");
  await refused(await ask(api, path, withToken(token, init)), "role_too_low");
  const other = await assertion(api, {}, { signer: testSigner(3), grants: [], as: "node" });
  await refused(await post(api, "/api/session", other), "not_authorised");
});

Deno.test("a command is accepted once by its signature, and each refusal changes nothing and names its rule", async () => {
  const { agent, api } = setUp();
  const body = { app: "site", replicas: 2 };
  const wish = (change: { at?: number; realm?: string } = {}) => ({
    kind: "app.scale" as const,
    body,
    realm,
    at: Date.now(),
    nonce: nonce(),
    ...change,
  });
  const submit = (command: unknown) => post(api, "/api/commands", command);
  const other = keyIdOf(operator.publicKey);
  const good = sealCommand(wish(), owner, []);
  const changed = sealCommand({ ...wish(), body: { app: "site", replicas: 9 } }, owner, []);
  const forged = { ...good, envelope: { ...good.envelope, payload: changed.envelope.payload } };
  const cases: [string, unknown][] = [
    ["bad_signature", forged],
    ["bad_signature", { ...good, envelope: { ...good.envelope, payloadType: "text/plain" } }],
    ["wrong_realm", sealCommand(wish({ realm: other }), owner, [])],
    ["not_authorised", sealCommand(wish(), operator, [])],
    ["role_too_low", sealCommand(wish(), operator, [grant("viewer")])],
    ["grant_expired", sealCommand(wish(), operator, [grant("operator", { until: Date.now() - 1 })])],
    ["wrong_realm", sealCommand(wish(), operator, [grant("operator", { realm: other })])],
    ["stale_command", sealCommand(wish({ at: Date.now() - 301_000 }), owner, [])],
    ["bad_request", { envelope: 1 }],
    ["bad_request", { ...good, more: 1 }],
  ];
  for (const [code, command] of cases) await refused(await submit(command), code);
  agent.revoked.set(operatorId, Date.now() - 1);
  await refused(await submit(sealCommand(wish(), operator, [grant("operator")])), "grant_revoked");
  assert.deepEqual(agent.commands, []);
  assert.equal((await submit(good)).status, 202);
  await refused(await submit(good), "replayed", 409);
  assert.equal(agent.commands.length, 1);
});

Deno.test("other hosts and other sites are refused on every route", async () => {
  const { api } = setUp({ hosts: ["realm.example"], origins: ["https://dash.example"] });
  const token = await tokenOf(api);
  for (const name of Object.keys(queries) as QueryName[]) {
    const { path, init } = sample(name);
    for (
      const headers of [
        { host: "evil.example" },
        { host: "site.localhost" },
        { host: "a b" },
        { origin: "https://evil.example" },
        { origin: "null" },
        { origin: "http://127.0.0.1:9999" },
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
        { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
      ] as Record<string, string>[]
    ) {
      const all = { host: "127.0.0.1:7481", ...init.headers as Record<string, string>, ...headers };
      await refused(await ask(api, path, withToken(token, { ...init, headers: all })), "bad_origin", 403);
    }
  }
  for (
    const headers of [
      { host: "127.0.0.1:7481", origin: "http://127.0.0.1:7481", "sec-fetch-site": "same-origin" },
      { host: "localhost:1" },
      { host: "[::1]:1" },
      { host: "10.0.0.7:7481" },
      { host: "REALM.example:443" },
      { host: "realm.example", origin: "https://dash.example" },
    ] as Record<string, string>[]
  ) assert.equal((await ask(api, "/api/realm", withToken(token, { headers }))).status, 200);
});

Deno.test("bodies above their bound are refused, whether or not their length is told", async () => {
  const { api } = setUp();
  const big = "x".repeat(300_000);
  const headers = { "content-type": "application/json" };
  for (const path of ["/api/session", "/api/commands"]) {
    await refused(await ask(api, path, { method: "POST", body: big, headers }), "too_large", 413);
    const body = new Blob([big]).stream();
    await refused(await ask(api, path, { method: "POST", body, headers }), "too_large", 413);
  }
});

Deno.test("a body that never ends is given up", async () => {
  const { api } = setUp({ bounds: { bodyReadMs: 20 } });
  const body = new ReadableStream({ start() {} });
  const headers = { "content-type": "application/json" };
  await refused(await ask(api, "/api/commands", { method: "POST", body, headers }), "timed_out", 504);
});

Deno.test("what is no JSON, has an unknown parameter or a wrong one is refused", async () => {
  const { api } = setUp();
  const token = await tokenOf(api);
  const form = {
    method: "POST",
    body: "a=b",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  };
  await refused(await ask(api, "/api/commands", form), "bad_request", 400);
  for (
    const path of [
      "/api/audit?nope=1",
      "/api/audit?limit=x",
      "/api/audit?limit=1&limit=2",
      "/api/audit?limit=99999999",
    ]
  ) {
    await refused(await ask(api, path, withToken(token)), "bad_request", 400);
  }
  await refused(await ask(api, "/api/apps/none", withToken(token)), "not_found", 404);
  await refused(await ask(api, "/api/nothing"), "not_found", 404);
  await refused(await ask(api, "/api/realm", { method: "DELETE" }), "method_not_allowed", 405);
  await refused(await ask(api, "/api/blobs/zz/content", withToken(token)), "bad_request", 400);
});

Deno.test("one address is slowed down, others are not", async () => {
  const { api } = setUp({ bounds: { requestBurst: 3, requestsPerSecond: 0 } });
  const from = (hostname: string) =>
    Promise.resolve(api.fetch(new Request(`${ORIGIN}/api/openapi.json`), {
      remoteAddr: { transport: "tcp", hostname, port: 1 },
    }));
  for (let i = 0; i < 3; i++) assert.equal((await from("10.0.0.1")).status, 200);
  const slowed = await from("10.0.0.1");
  assert.equal(slowed.headers.get("retry-after"), "1");
  await refused(slowed, "rate_limited", 429);
  assert.equal((await from("10.0.0.2")).status, 200);
});

Deno.test("standing streams are bounded and given back when readers go", async () => {
  const { api } = setUp({ bounds: { streams: 2 } });
  const token = await tokenOf(api);
  const open = () => ask(api, "/api/events", withToken(token));
  const a = await open(), b = await open();
  await refused(await open(), "limit_reached");
  await a.body!.cancel();
  const c = await open();
  assert.equal(c.status, 200);
  await b.body!.cancel();
  await c.body!.cancel();
});

Deno.test("every answer carries the security headers, failures included", async () => {
  const { api } = setUp();
  for (const path of ["/api/openapi.json", "/api/realm", "/nothing"]) {
    const { headers } = await ask(api, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("x-frame-options"), "DENY");
    assert.match(headers.get("content-security-policy")!, /frame-ancestors 'none'/);
  }
});

Deno.test("an unexpected failure reveals nothing and is told to the node", async () => {
  const told: unknown[] = [];
  const { agent, api } = setUp({ onFailure: (e) => told.push(e) });
  agent.status = () => {
    throw new Error("secret path /var/lib");
  };
  const response = await ask(api, "/api/realm", withToken(await tokenOf(api)));
  const text = await response.text();
  assert.equal(response.status, 500);
  assert.doesNotMatch(text, /secret/);
  assert.equal(told.length, 1);
});

Deno.test("a query that takes too long is answered with timed_out", async () => {
  const { agent, api } = setUp({ bounds: { queryMs: 10 } });
  agent.doctor = () => new Promise(() => {});
  await refused(await ask(api, "/api/doctor", withToken(await tokenOf(api))), "timed_out", 504);
});

Deno.test("a stream that fails in its middle says so, and the node's log why", async () => {
  const told: unknown[] = [];
  const { agent, api } = setUp({ onFailure: (error) => told.push(error) });
  const mistake = new TypeError("x of undefined");
  for (
    const [error, code] of [[mistake, "internal"], [new RealmError("disk", "it broke"), "disk"]] as const
  ) {
    agent.appLogs = async function* () {
      yield { seq: 1, at: 0, stream: "stdout", replica: "r", node: "n", text: "first" };
      await Promise.reject(error);
    };
    const text = await (await ask(api, "/api/apps/site/logs", withToken(await tokenOf(api)))).text();
    const [first, last] = text.trim().split("\n").map((l) => JSON.parse(l));
    assert.equal(first.text, "first");
    assert.equal(last.problem.code, code);
  }
  assert.deepEqual(told, [mistake]);
});

Deno.test("logs come as JSON lines or as server-sent events", async () => {
  const { api } = setUp();
  const token = await tokenOf(api);
  const plain = await ask(api, "/api/apps/site/logs", withToken(token));
  assert.equal(plain.headers.get("content-type"), "application/x-ndjson");
  const lines = (await plain.text()).split("\n").filter((l) => l !== "").map((l) => JSON.parse(l).text);
  assert.deepEqual(lines, ["hello", "world"]);
  const sse = await ask(
    api,
    "/api/apps/site/logs",
    withToken(token, { headers: { accept: "text/event-stream" } }),
  );
  assert.match(await sse.text(), /^: alive\n\ndata: \{.*"hello".*\}\n\ndata: /);
});

Deno.test("the OpenAPI document lists every query and every command with its role", async () => {
  const { api } = setUp();
  const document = await (await ask(api, "/api/openapi.json")).json();
  for (const [name, q] of Object.entries(queries) as [string, Query][]) {
    const operation = document.paths[q.path][q.method.toLowerCase()];
    assert.equal(operation.operationId, name);
    assert.equal(operation["x-realm-role"], q.role ?? null);
    assert.equal(operation.security.length, q.role === undefined ? 0 : 1);
  }
  for (const open of [document.paths["/hooks/{job}"].post, document.paths["/badge/{job}.svg"].get]) {
    assert.deepEqual(open.security, []);
  }
  assert.equal(document["x-realm-commands"]["app.scale"].properties.app.type, "string");
  assert.equal(document["x-realm-commands"]["node.remove"]["x-realm-role"], "admin");
});
