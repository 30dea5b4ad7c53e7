import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { createWasmRuntime, denoChild } from "../agent/runtimes/wasm/mod.ts";
import type { RunHandle } from "../agent/runtimes/runtime.ts";
import { canRun } from "../tests/system_packages.ts";
import { build as guestbook } from "./guestbook/build.ts";
import { build as jsApi } from "./js-api/build.ts";
import { folderOf } from "./lib/assemble.ts";

const quiet = { say: () => {} };
const AGENT = join(folderOf(import.meta.url), "..", "agent");
const ENTRY = join(AGENT, "runtimes", "wasm", "child", "entry.ts");

interface Started {
  readonly run: RunHandle;
  readonly logs: string[];
}

/** Starts the component of a package directory as a node does; `/data` is `data`. */
async function running(
  directory: string,
  options: { readonly instance: "per_request" | "reuse"; readonly data?: string; readonly memoryMb: number },
  body: (started: Started) => Promise<void>,
): Promise<void> {
  const wasm = join(directory, "component.wasm");
  const cacheDir = await Deno.makeTempDir({ prefix: "realm-example-cache-" });
  const logs: string[] = [];
  const decoder = new TextDecoder();
  try {
    await using runtime = createWasmRuntime({ spawnChild: denoChild(ENTRY, [], [AGENT]), workers: 2 });
    const run = await runtime.start({
      id: "example",
      mode: "http",
      wasm,
      digest: createHash("sha256").update(await Deno.readFile(wasm)).digest("hex"),
      cacheDir,
      args: [],
      env: { LOG: "info", GUESTBOOK_OPEN: "yes" },
      mounts: options.data === undefined ? [] : [
        { guest: "/data", host: options.data, readOnly: false },
        { guest: "/etc/app", host: join(directory, "config"), readOnly: true },
      ],
      memoryMb: options.memoryMb,
      maxConcurrency: 16,
      timeoutMs: 20_000,
      instance: options.instance,
      outbound: [],
    }, (chunk) => logs.push(decoder.decode(chunk.bytes)));
    await body({ run, logs });
    await run.stop(1000);
  } finally {
    await Deno.remove(cacheDir, { recursive: true });
  }
}

const asked = (path: string, init?: RequestInit) => new Request(`http://example.localhost${path}`, init);

for (const instance of ["reuse", "per_request"] as const) {
  Deno.test(`guestbook on Realm's runtime (${instance}): cards written side by side are all there after a restart`, async () => {
    if (!canRun("wasi")) return;
    const { directory } = await guestbook(quiet);
    const data = await Deno.makeTempDir({ prefix: "realm-example-data-" });
    await Deno.copyFile(join(directory, "seed-data", "guestbook.log"), join(data, "guestbook.log"));
    const post = (run: RunHandle, name: string) =>
      run.fetch(asked("/api/entries", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name, message: `from ${name} `.repeat(60), stamp: "boat" }),
      }));
    const names = Array.from({ length: 16 }, (_, i) => `visitor ${i}`);
    try {
      await running(directory, { instance, data, memoryMb: 32 }, async ({ run, logs }) => {
        const answers = await Promise.all(names.map((name) => post(run, name)));
        for (const answer of answers) {
          assert.equal(answer.status, 201);
          await answer.body?.cancel();
        }
        assert.match(logs.join(""), /card [0-9a-f]{16}/);
        const head = await run.fetch(asked("/", { method: "HEAD" }));
        assert.equal(head.status, 200);
        assert.ok(Number(head.headers.get("content-length")) > 5000);
        assert.equal(await head.text(), "");
      });
      await running(directory, { instance, data, memoryMb: 32 }, async ({ run }) => {
        const { title, entries } = await (await run.fetch(asked("/api/entries?limit=100"))).json();
        assert.equal(title, "The Harbour Wall");
        const present = entries.map((entry: { name: string }) => entry.name);
        for (const name of [...names, "Ines"]) assert.ok(present.includes(name), `${name} is missing`);
        assert.equal(present.length, names.length + 6);
        const exported = await (await run.fetch(asked("/api/export"))).text();
        assert.equal(exported, await Deno.readTextFile(join(data, "guestbook.log")));
      });
    } finally {
      await Deno.remove(data, { recursive: true });
    }
  });
}

Deno.test("js-api on Realm's runtime: images, refusals, a large echo, and events as they happen", async () => {
  const { directory } = await jsApi(quiet);
  await running(directory, { instance: "per_request", memoryMb: 128 }, async ({ run }) => {
    const image = await run.fetch(asked("/qr.svg?text=hello"));
    assert.equal(image.headers.get("content-type"), "image/svg+xml");
    assert.match(await image.text(), /^<svg .*<\/svg>\n$/);
    const refused = await run.fetch(asked("/api/qr"));
    assert.equal(refused.status, 400);
    assert.match((await refused.json()).message, /text is missing/);
    const sent = new Uint8Array(600_000).map((_, i) => i * 31 + (i >> 8));
    const echo = await run.fetch(asked("/api/echo", { method: "POST", body: sent }));
    assert.deepEqual(new Uint8Array(await echo.arrayBuffer()), sent);
    const ticks = await run.fetch(asked("/api/ticks?count=3&ms=200"));
    const arrived: number[] = [];
    for await (const _ of ticks.body!) arrived.push(performance.now());
    assert.equal(arrived.length, 3);
    assert.ok(
      arrived[2] - arrived[0] >= 300,
      `events came together: ${arrived.map((at) => at - arrived[0])}`,
    );
  });
});
