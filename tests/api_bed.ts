/** What tests of the API start from: an API over a fake agent, keys with roles, sessions, and a request of each query. */
import assert from "node:assert/strict";
import {
  digestOf,
  type Envelope,
  keyIdOf,
  queries,
  type Query,
  type QueryName,
  type ReleaseArtifact,
  releaseManifest,
  type Role,
  sealCommand,
  sealGrant,
  sealSession,
  type SignedSession,
  type Signer,
  signRelease,
  utf8,
} from "../agent/protocol/mod.ts";
import { createFakeAgent, type FakeAgent } from "./fake_agent.ts";
import { owner, realm, self, testSigner } from "./test_keys.ts";
import { testSpec } from "./test_views.ts";
import { type Api, type ApiOptions, createApi } from "../agent/api/server.ts";

export const ORIGIN = "http://127.0.0.1:7481";
export const nonce = () => crypto.getRandomValues(new Uint8Array(16));
export const operator = testSigner(9);
export const operatorId = keyIdOf(operator.publicKey);

export function grant(
  role: Exclude<Role, "owner">,
  change: { until?: number; realm?: string } = {},
): Envelope {
  const now = Date.now();
  return sealGrant({
    v: 1,
    realm,
    key: operatorId,
    role,
    from: now - 60_000,
    until: now + 3_600_000,
    ...change,
  }, owner);
}

export function setUp(options: ApiOptions = {}): { agent: FakeAgent; api: Api } {
  const agent = createFakeAgent();
  return { agent, api: createApi(agent, options) };
}

export const ask = (api: Api, path: string, init: RequestInit = {}): Promise<Response> =>
  Promise.resolve(api.request(ORIGIN + path, init));
export const post = (api: Api, path: string, body: unknown, token?: string) =>
  ask(api, path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: {
      "content-type": "application/json",
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
  });
/** What a client signs after it asked for a challenge, right in everything but what is asked for. */
export async function assertion(
  api: Api,
  change: { realm?: string; node?: string; address?: string; challenge?: string } = {},
  by: { signer: Signer; grants: readonly Envelope[]; as?: "node" } = { signer: owner, grants: [] },
): Promise<SignedSession> {
  const { node, challenge } = await (await ask(api, "/api/session")).json();
  return sealSession({ realm, node, address: ORIGIN, challenge, ...change }, by.signer, by.grants, by.as);
}
export const byOperator = (...grants: readonly Envelope[]) => ({ signer: operator, grants });

export async function tokenOf(api: Api, signed?: SignedSession): Promise<string> {
  const response = await post(api, "/api/session", signed ?? await assertion(api));
  assert.equal(response.status, 200);
  return (await response.json()).token;
}
export async function refused(response: Response, code: string, status?: number): Promise<void> {
  // Looked at before the body: a stream that was wrongly granted never ends.
  const type = response.headers.get("content-type");
  if (type !== "application/problem+json") await response.body?.cancel();
  assert.equal(type, "application/problem+json");
  const problem = await response.json();
  assert.equal(problem.code, code, JSON.stringify(problem));
  assert.equal(problem.status, response.status);
  if (status !== undefined) assert.equal(response.status, status);
}
export const withToken = (token: string, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { ...init.headers as Record<string, string>, authorization: `Bearer ${token}` },
});

const executable = utf8("an executable, as far as the API is concerned");
/** A file of a release. */
export const releaseFile: ReleaseArtifact = {
  platform: "linux/amd64",
  file: "realm-1.2.3-linux-amd64",
  sha256: digestOf(executable),
  size: executable.length,
  builder: "portable",
};

/** The form of `POST /api/upgrade`; `change` takes parts away or puts others in. */
export function upgradeForm(change: { command?: string; file?: string; content?: string } = {}): FormData {
  const wish = {
    release: signRelease(releaseManifest("1.2.3", [releaseFile]), owner),
    canaries: [self],
    batch: 1,
    probation_ms: 0,
    deadline_ms: 60_000,
    drain_ms: 0,
    allow_downgrade: false,
  };
  const at = Date.now();
  const signed = sealCommand({ kind: "upgrade.start", body: wish, realm, at, nonce: nonce() }, owner, []);
  const form = new FormData();
  form.set("command", change.command ?? JSON.stringify(signed));
  const content = change.content === undefined ? executable : utf8(change.content);
  form.set("file", new File([new Uint8Array(content)], change.file ?? releaseFile.file));
  return form;
}

/** A request of each query, complete but for the session. */
export function sample(name: QueryName): { path: string; init: RequestInit } {
  const query: Query = queries[name];
  const path = query.path.replace("{app}", "site").replace("{run}", "build-0").replace("{node}", "node-2")
    .replace("{id}", "site").replace("{schedule}", "nightly").replace("{secret}", "token").replace(
      "{upgrade}",
      "current",
    )
    .replace(/\{(blob|digest)\}/, "0".repeat(64));
  if (query.method === "GET") return { path, init: {} };
  if (query.method === "PUT") return { path, init: { method: "PUT", body: "x" } };
  if (name === "upgrade.upload") return { path, init: { method: "POST", body: upgradeForm() } };
  const body = name === "upload.missing"
    ? { digests: [] }
    : name === "job.plan"
    ? { runs: [testSpec("build")] }
    : name === "app.plan"
    ? {
      app: "site",
      spec: {
        package: "1".repeat(64),
        version: "1",
        kind: "static",
        memory_mb: 0,
        routes: ["site"],
        volumes: [],
        bytes: 1,
      },
      replicas: 1,
      tags: [],
      strategy: "rolling",
    }
    : {};
  return {
    path,
    init: { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } },
  };
}
