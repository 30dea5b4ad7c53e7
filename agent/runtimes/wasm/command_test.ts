/** Commands: preview 1 modules and `wasi:cli` components, in real child processes. */
import assert from "node:assert/strict";
import { buildWasmFixtures } from "../../../tests/fixtures/build.ts";
import { canRun } from "../../../tests/system_packages.ts";
import { responsive, sourceRuntime, specOf, startRun } from "../../../tests/wasm_bed.ts";
import type { RunSpec } from "../runtime.ts";

const ignore = !canRun("wasi");
const fixtures = ignore ? undefined : await buildWasmFixtures();
const runtime = sourceRuntime();
const MB = 1024 * 1024;

for (const kind of ["commandModule", "commandComponent"] as const) {
  const command = (what: string, changes: Partial<RunSpec> = {}) =>
    startRun(runtime, specOf(fixtures![kind], { mode: "command", args: ["guest", what], ...changes }));
  const test = (name: string, fn: () => Promise<void>) => Deno.test({ name: `${kind}: ${name}`, ignore, fn });

  test("prints, sees its environment, and exits", async () => {
    await using job = await command("hello", { env: { WHO: "world" } });
    const report = await job.run.exit;
    assert.equal(report.reason, "exited");
    assert.equal(report.code, 0);
    assert.equal(job.log.text("stdout"), "hello world\n");
    assert.equal(job.log.text("stderr"), "to stderr\n");
    assert.match(job.log.text("system"), /exited with code 0/);
  });

  test("a failing exit is reported", async () => {
    await using job = await command("exit");
    const report = await job.run.exit;
    assert.equal(report.reason, "exited");
    // wasi:cli of version 0.2.3 knows success and failure only.
    assert.equal(report.code, kind === "commandModule" ? 3 : 1);
  });

  test("reads a stdin that is larger than any buffer", async () => {
    let left = 30;
    const stdin = new ReadableStream<Uint8Array>({
      pull: (c) => left-- > 0 ? c.enqueue(new Uint8Array(100_000)) : c.close(),
    });
    await using job = await command("cat", { stdin });
    assert.equal((await job.run.exit).code, 0);
    assert.equal(job.log.text("stdout"), "3000000\n");
  });

  test("a trap is reported as one", async () => {
    await using job = await command("trap");
    const report = await job.run.exit;
    assert.equal(report.reason, "trapped");
    assert.match(report.message, /unreachable/);
  });

  test("a busy loop ends at the time-out without delaying the agent", async () => {
    const result = await responsive(async () => {
      await using job = await command("loop", { timeoutMs: 500 });
      return await job.run.exit;
    });
    assert.equal(result.reason, "timed_out");
    assert.ok(result.wallMs < 2_000, `${result.wallMs} ms`);
  });

  test("endless output is bounded and told, and does not delay the agent", async () => {
    const { report, log } = await responsive(async () => {
      await using job = await command("flood", { timeoutMs: 2_500 });
      return { report: await job.run.exit, log: job.log };
    });
    assert.equal(report.reason, "timed_out");
    assert.match(log.text("system"), /bytes of output were dropped/);
    const passed = log.text("stdout").length;
    assert.ok(passed > 100_000 && passed < 4 * MB, `${passed} bytes passed`);
  });

  test("with wholeLog every line of a program that writes fast arrives, and the agent is not delayed", async () => {
    const lines = 200_000;
    const log = await responsive(async () => {
      await using job = await command("lines", { args: ["guest", "lines", String(lines)], wholeLog: true });
      assert.equal((await job.run.exit).code, 0);
      return job.log;
    });
    const got = log.text("stdout").split("\n");
    assert.equal(got.length, lines + 1);
    assert.ok(got.slice(0, -1).every((line, i) => line.startsWith(`line ${i + 1} of`)));
    assert.doesNotMatch(log.text("system"), /dropped/);
  });

  test("memory without end meets its ceiling", async () => {
    await using job = await command("allocate", { memoryMb: 16 });
    assert.equal((await job.run.exit).reason, "out_of_memory");
  });

  test("stop ends it after its grace", async () => {
    await using job = await command("loop");
    const report = await job.run.stop(50);
    assert.equal(report.reason, "stopped");
  });

  test("deterministic runs repeat exactly, others do not", async () => {
    const random = async (deterministic: boolean) => {
      await using job = await command("random", { deterministic });
      await job.run.exit;
      return job.log.text("stdout");
    };
    assert.equal(await random(true), await random(true));
    assert.notEqual(await random(false), await random(false));
  });
}
