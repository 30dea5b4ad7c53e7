import assert from "node:assert/strict";
import fc from "fast-check";
import { errorTable, queries, sealSession } from "../protocol/mod.ts";
import { createFakeAgent } from "../../tests/fake_agent.ts";
import { owner, realm } from "../../tests/test_keys.ts";
import { fuzz } from "../../tests/fuzz.ts";
import { createApi } from "./server.ts";

const many = 1e9;

const paths = Object.values(queries).map((q) => q.path);
const word = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.constantFrom("site", "..", "%00", "%2e%2e%2f", "0".repeat(64), "__proto__", "constructor", "%", "%ff"),
);
const path = fc.oneof(
  fc.tuple(fc.constantFrom(...paths), fc.array(word, { minLength: 2, maxLength: 2 })).map(([p, words]) => {
    let i = 0;
    return p.replace(/\{\w+\}/g, () => words[i++]);
  }),
  fc.webPath(),
  fc.string({ maxLength: 100 }).map((s) => "/" + s),
);
const query = fc.oneof(
  fc.constant(""),
  fc.dictionary(fc.oneof(fc.constantFrom("limit", "since", "follow", "tail", "grep", "after"), word), word, {
    maxKeys: 4,
  })
    .map((d) => "?" + new URLSearchParams(d)),
);
const headers = fc.record({
  "content-type": fc.constantFrom("application/json", "text/plain", "multipart/form-data", ""),
  accept: fc.constantFrom("*/*", "text/event-stream", "application/json"),
  "last-event-id": fc.constantFrom("1", "x", "99999999999999999999"),
}, { requiredKeys: [] });
const body = fc.oneof(
  fc.constant(undefined),
  fc.json({ maxDepth: 4 }),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.record({
    envelope: fc.record({
      payloadType: fc.string(),
      payload: fc.base64String(),
      keyid: fc.oneof(fc.constant(realm), fc.string()),
      sig: fc.base64String(),
    }),
    grants: fc.array(fc.anything(), { maxLength: 3 }),
  }).map((v) => JSON.stringify(v) ?? ""),
);
const request = fc.record({
  path,
  query,
  method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"),
  headers,
  body,
  signedIn: fc.boolean(),
});

Deno.test("fuzz: any request gets an answer that is known, and changes nothing", async () => {
  const agent = createFakeAgent();
  const failures: unknown[] = [];
  const bounds = { requestBurst: many, sessionBurst: many };
  const api = createApi(agent, { onFailure: (e) => failures.push(e), bounds });
  const { node, challenge } = await (await api.request("http://127.0.0.1/api/session")).json();
  const assertion = sealSession({ realm, node, challenge, address: "http://127.0.0.1" }, owner, []);
  const opened = await api.request("http://127.0.0.1/api/session", {
    method: "POST",
    body: JSON.stringify(assertion),
    headers: { "content-type": "application/json" },
  });
  const { token } = await opened.json();
  await fuzz(request, async (r) => {
    const bodiless = r.method === "GET" || r.method === "HEAD";
    const authorization: Record<string, string> = r.signedIn ? { authorization: `Bearer ${token}` } : {};
    let asked: Request;
    try {
      asked = new Request(new URL("http://127.0.0.1" + r.path + r.query), {
        method: r.method,
        headers: { ...r.headers as Record<string, string>, ...authorization },
        body: bodiless ? undefined : r.body,
      });
    } catch {
      return; // no valid URL: such a request cannot be sent
    }
    if (new URL(asked.url).host !== "127.0.0.1") return;
    const response = await api.fetch(asked, {});
    if (response.headers.get("content-type") === "application/problem+json" && r.method !== "HEAD") {
      const problem = await response.json();
      assert.equal(problem.status, response.status);
      assert.ok(Object.hasOwn(errorTable, problem.code));
    } else {
      assert.ok(
        response.status < 300 || r.method === "HEAD",
        `${r.method} ${asked.url}: ${response.status}`,
      );
      await response.body?.cancel();
    }
  });
  assert.deepEqual(failures, []);
  assert.deepEqual(agent.commands, []);
});
