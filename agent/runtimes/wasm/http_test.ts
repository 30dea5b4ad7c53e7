/** Serving HTTP with real components in real child processes. */
import assert from "node:assert/strict";
import { buildWasmFixtures } from "../../../tests/fixtures/build.ts";
import { canRun } from "../../../tests/system_packages.ts";
import { responsive, sourceRuntime, specOf, startRun } from "../../../tests/wasm_bed.ts";
import type { RunSpec } from "../runtime.ts";

const ignore = !canRun("wasi");
const fixtures = ignore ? undefined : await buildWasmFixtures();
const runtime = sourceRuntime();
const probe = (changes: Partial<RunSpec> = {}) => startRun(runtime, specOf(fixtures!.probe, changes));
const MB = 1024 * 1024;

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore, fn });
}
/** The code and message of a rejection. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
  return "fulfilled";
}
/** `total` bytes that can be told from each other. */
function pattern(total: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= total) return controller.close();
      const chunk = new Uint8Array(Math.min(100_000, total - at));
      for (let i = 0; i < chunk.length; i++) chunk[i] = (at + i) * 31 >> 4;
      at += chunk.length;
      controller.enqueue(chunk);
    },
  });
}

test("a component answers through its child process with status, headers and body", async () => {
  await using app = await startRun(runtime, specOf(fixtures!.hello));
  const response = await app.run.fetch(new Request("http://app.test/"));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain");
  assert.equal(await response.text(), "hello from a component, request 1\n");
  assert.equal((await app.run.fetch(new Request("http://app.test/", { method: "HEAD" }))).body, null);
});

test("reuse keeps the instance, per_request begins anew each time", async () => {
  await using kept = await probe({ maxConcurrency: 1 });
  assert.deepEqual([await kept.text("/count"), await kept.text("/count")], ["1", "2"]);
  await using fresh = await probe({ instance: "per_request" });
  assert.deepEqual([await fresh.text("/count"), await fresh.text("/count")], ["1", "1"]);
});

test("bodies stream through in both directions, unchanged and larger than any buffer", async () => {
  await using app = await probe();
  const response = await app.run.fetch(
    new Request("http://app.test/echo", { method: "POST", body: pattern(20 * MB) }),
  );
  const expected = pattern(20 * MB).getReader();
  let rest = new Uint8Array(0);
  let total = 0;
  for await (const chunk of response.body!) {
    total += chunk.length;
    for (let at = 0; at < chunk.length;) {
      if (rest.length === 0) rest = (await expected.read()).value as Uint8Array<ArrayBuffer>;
      const n = Math.min(rest.length, chunk.length - at);
      assert.deepEqual(chunk.subarray(at, at + n), rest.subarray(0, n));
      at += n;
      rest = rest.subarray(n);
    }
  }
  assert.equal(total, 20 * MB);
});

test("a slow reader holds the guest back instead of filling memory", async () => {
  await using app = await probe();
  const response = await app.run.fetch(new Request(`http://app.test/big?arg=${400 * MB}`));
  const reader = response.body!.getReader();
  await reader.read();
  const before = Deno.memoryUsage().rss;
  // Meanwhile others are served, so the guest has had every chance to run ahead.
  for (let i = 0; i < 50; i++) await app.text("/count");
  assert.ok(Deno.memoryUsage().rss - before < 50 * MB, "the agent took the body into memory");
  assert.ok(app.run.stats().rssBytes < 400 * MB, "the child took the body into memory");
  await reader.cancel();
  assert.match(await app.text("/count"), /^\d+$/);
});

test("a trap costs its request alone and is told in the log", async () => {
  await using app = await probe();
  const [trapped, other] = await Promise.all([refusal(app.text("/trap")), app.text("/sleep?arg=20")]);
  assert.match(trapped, /^unavailable: The guest trapped: unreachable/);
  assert.equal(other, "slept");
  await app.log.until("system", /trapped: unreachable.*GET \/trap/);
  assert.equal(await app.text("/count"), "1");
});

test("a guest that exits in the middle of a request costs that request alone", async () => {
  await using app = await probe();
  assert.match(await refusal(app.text("/exit?arg=7")), /^unavailable: The guest exited with code/);
  assert.equal(await app.text("/count"), "1");
});

test("a response that breaks off does not pass for complete", async () => {
  await using app = await probe();
  const response = await app.run.fetch(new Request("http://app.test/head-then-trap"));
  assert.equal(response.status, 200);
  await assert.rejects(response.text(), /trapped/);
});

test("a busy loop is ended at its time-out, the agent stays responsive, the app serves again", async () => {
  await using app = await probe({ timeoutMs: 600 });
  const result = await responsive(async () => {
    const started = performance.now();
    const refused = await refusal(app.text("/loop"));
    const after = performance.now() - started;
    return { refused, after, again: await app.text("/count") };
  });
  assert.match(result.refused, /^timed_out: /);
  assert.ok(result.after < 1500, `took ${result.after} ms`);
  assert.equal(result.again, "1");
  await app.log.until("system", /ran past its limit of 0.6 s/);
});

test("requests beside a busy loop that had no head yet can be tried elsewhere", async () => {
  const single = sourceRuntime(1);
  await using app = await startRun(single, specOf(fixtures!.probe, { timeoutMs: 600 }));
  await app.text("/count");
  const looping = refusal(app.text("/loop"));
  const beside = await refusal(app.text("/sleep?arg=5000"));
  assert.match(await looping, /^timed_out: /);
  assert.match(beside, /^(unavailable|timed_out): /);
});

test("a guest that waits too long is ended without its neighbours", async () => {
  await using app = await probe({ timeoutMs: 400 });
  const [late, neighbour] = await Promise.all([
    refusal(app.text("/sleep?arg=60000")),
    app.text("/sleep?arg=200"),
  ]);
  assert.match(late, /^timed_out: /);
  assert.equal(neighbour, "slept");
  assert.doesNotMatch(app.log.text("system"), /started again/);
});

test("a guest that allocates without end meets its ceiling", async () => {
  await using app = await probe({ memoryMb: 16 });
  const result = await responsive(() => refusal(app.text("/allocate")));
  assert.match(result, /^unavailable: The guest ended at its memory ceiling of 16 MiB/);
  assert.equal(await app.text("/count"), "1");
});

test("a flood of output is cut off and counted, and does not delay the agent", async () => {
  await using app = await probe();
  const result = await responsive(() => app.text("/flood?arg=20000"));
  assert.equal(result, "flooded");
  await app.log.until("system", /\d+ bytes of output were dropped/);
  const passed = app.log.text("stdout").length;
  assert.ok(passed > 100_000 && passed < 10_000_000, `${passed} bytes passed`);
});

test("requests beyond the limit wait for their turn, beyond the queue they are refused", async () => {
  await using app = await probe({ maxConcurrency: 2 });
  let most = 0;
  const watch = setInterval(() => most = Math.max(most, app.run.stats().inFlight), 1);
  const outcomes = await Promise.all(Array.from({ length: 300 }, () => refusal(app.text("/sleep?arg=1"))));
  clearInterval(watch);
  assert.ok(most <= 2, `${most} in work`);
  const refused = outcomes.filter((outcome) => outcome !== "fulfilled");
  assert.equal(refused.length, 300 - 2 - 256);
  assert.match(refused[0]!, /^unavailable: /);
});

test("a killed child fails its requests as retryable and is replaced", async () => {
  await using app = await probe();
  const before = await childOf();
  const waiting = refusal(app.text("/sleep?arg=10000"));
  await app.text("/count");
  Deno.kill(before, "SIGKILL");
  assert.match(await waiting, /^unavailable: The app's process ended/);
  assert.equal(await app.text("/count"), "1");
  assert.match(app.log.text("system"), /lost its process.*SIGKILL/);
});

/** The process that runs a guest: the only child with our entry on its command line. */
async function childOf(): Promise<number> {
  const pids: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const status = await Deno.readTextFile(`/proc/${pid}/status`);
      const command = await Deno.readTextFile(`/proc/${pid}/cmdline`);
      if (status.includes(`PPid:\t${Deno.pid}\n`) && command.includes("wasm/child/entry.ts")) pids.push(pid);
    } catch { /* gone meanwhile */ }
  }
  assert.equal(pids.length, 1);
  return pids[0]!;
}

test("files: mounts are reached as declared and nothing else is", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/ro`);
    await Deno.mkdir(`${folder}/rw`);
    await Deno.writeTextFile(`${folder}/ro/page`, "content");
    await Deno.writeTextFile(`${folder}/secret`, "SECRET");
    await Deno.symlink("../secret", `${folder}/rw/planted`);
    await Deno.symlink("/etc/passwd", `${folder}/rw/absolute`);
    await using app = await probe({
      mounts: [
        { guest: "/www", host: `${folder}/ro`, readOnly: true },
        { guest: "/data", host: `${folder}/rw`, readOnly: false },
      ],
    });
    assert.equal(await app.text("/read?arg=/www/page"), "content");
    assert.match(await app.text("/write?arg=/www/new", { method: "POST", body: "x" }), /error: Read-only/);
    assert.equal(await app.text("/write?arg=/data/new", { method: "POST", body: "kept" }), "written");
    assert.equal(await Deno.readTextFile(`${folder}/rw/new`), "kept");
    assert.match(await app.text("/list?arg=/www"), /^page$/m);
    assert.equal(await app.text("/symlink?arg=new+/data/link"), "linked");
    assert.equal(await app.text("/read?arg=/data/link"), "kept");
    assert.equal(await Deno.readLink(`${folder}/rw/link`), "new");
    assert.match(await app.text("/symlink?arg=page+/www/link"), /Read-only/);
    assert.equal(await app.text("/symlink?arg=../secret+/data/out"), "linked");
    assert.match(await app.text("/read?arg=/data/out"), /^error: /);
    for (
      const path of [
        "/data/planted",
        "/data/absolute",
        "/data/../../secret",
        "/etc/passwd",
        "../../etc/passwd",
      ]
    ) {
      assert.match(await app.text(`/read?arg=${path}`), /^error: /, path);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("outbound requests reach allowed hosts only, and a refusal is told in the log", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    return pathname === "/away"
      ? new Response(null, { status: 302, headers: { location: "http://127.0.0.1:1/" } })
      : new Response(`served ${pathname}`);
  });
  const { port } = server.addr;
  try {
    await using app = await probe({ outbound: [`127.0.0.1:${port}`] });
    assert.equal(await app.text(`/fetch?arg=127.0.0.1:${port}/x`), "200 served /x");
    assert.equal(await app.text(`/fetch?arg=127.0.0.1:${port}/away`), "302 ");
    const denied = "error 15"; // HTTP-request-denied
    for (
      const target of [
        `localhost:${port}/x`,
        "127.0.0.1:1/x",
        `127.0.0.1:${port}%40example.com/x`,
        "example.com/x",
        "[::1]:80/x",
      ]
    ) {
      assert.equal(await app.text(`/fetch?arg=${target}`), denied, target);
    }
    assert.equal(await app.text(`/fetch?arg=2130706433:${port}/x`), "200 served /x");
    await app.log.until("system", /"http:\/\/example.com" was refused/);
    await using closed = await probe();
    assert.equal(await closed.text(`/fetch?arg=127.0.0.1:${port}/x`), denied);
  } finally {
    await server.shutdown();
  }
});

test("the environment is what was given and nothing of the agent's", async () => {
  await using app = await probe({ env: { WHO: "me" } });
  assert.equal(await app.text("/env?arg=WHO"), "me");
  assert.equal(await app.text("/env?arg=PATH"), "(unset)");
});

test("stop lets requests in work finish within its grace and refuses new ones", async () => {
  await using app = await probe();
  const working = app.text("/sleep?arg=100");
  const stopped = app.run.stop(5_000);
  assert.match(await refusal(app.text("/count")), /^unavailable: /);
  assert.equal(await working, "slept");
  assert.equal((await stopped).reason, "stopped");
  assert.equal((await app.run.exit).reason, "stopped");
});

test("stop ends what does not finish within its grace", async () => {
  await using app = await probe();
  const working = refusal(app.text("/sleep?arg=60000"));
  assert.equal((await app.run.stop(50)).reason, "stopped");
  assert.match(await working, /^unavailable: /);
});

test("what cannot start says why", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/text.wasm`, "no wasm");
    const cases: [Partial<RunSpec> & { wasm: string }, RegExp][] = [
      [{ wasm: `${folder}/text.wasm` }, /neither a WebAssembly component nor a core module/],
      [{ wasm: `${folder}/absent.wasm` }, /cannot start/],
      [{ wasm: fixtures!.commandModule }, /core module; serving HTTP needs a component/],
      [{ wasm: fixtures!.commandComponent }, /does not export wasi:http\/incoming-handler/],
      [{ wasm: fixtures!.probe, memoryMb: 1 }, /MiB/],
    ];
    for (const [changes, why] of cases) {
      const outcome = await refusal(runtime.start(specOf(changes.wasm, changes), () => {}));
      assert.match(outcome, /^failed: /);
      assert.match(outcome, why);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
