/** What every runtime promises, tried on a real one: see `agent/runtimes/runtime.ts`. */
import assert from "node:assert/strict";
import type { LogChunk } from "../../agent/ports.ts";
import type { RunSpec, Runtime } from "../../agent/runtimes/runtime.ts";

/** What a runtime's own test file gives to the contract. */
export interface RuntimeUnderTest {
  readonly name: string;
  readonly ignore?: boolean;
  make(): Runtime;
  /** Commands that exit with 0 after printing `hello world` (`WHO=world`), and that never end. */
  readonly hello: () => RunSpec;
  readonly endless: () => RunSpec;
  /** A server that answers every request with status 200; absent: the runtime serves no requests. */
  readonly server?: () => RunSpec;
}

/** Registers the contract's tests. */
export function testRuntimeContract(subject: RuntimeUnderTest): void {
  const test = (name: string, fn: (runtime: Runtime) => Promise<void>) =>
    Deno.test({
      name: `${subject.name} runtime: ${name}`,
      ignore: subject.ignore ?? false,
      async fn() {
        await using runtime = subject.make();
        await fn(runtime);
      },
    });
  const codeOf = (error: unknown) => (error as { code?: string }).code;

  test("says what it can do", async (runtime) => {
    const probe = await runtime.probe();
    assert.equal(probe.kind, runtime.kind);
    assert.equal(probe.available, true);
    assert.notEqual(probe.detail, "");
  });

  test("a command's output and exit are reported, and the run's end is a system line", async (runtime) => {
    const chunks: LogChunk[] = [];
    const run = await runtime.start(subject.hello(), (chunk) => chunks.push(chunk));
    const report = await run.exit;
    assert.equal(report.reason, "exited");
    assert.equal(report.code, 0);
    assert.ok(report.wallMs > 0);
    const text = (stream: string) =>
      chunks.filter((c) => c.stream === stream).map((c) => new TextDecoder().decode(c.bytes)).join("");
    assert.match(text("stdout"), /hello world/);
    assert.match(text("system"), /exited/);
    assert.ok(chunks.every((chunk) => Math.abs(Date.now() - chunk.at) < 600_000));
  });

  test("stop ends for sure, is idempotent, and agrees with exit", async (runtime) => {
    const run = await runtime.start(subject.endless(), () => {});
    const [first, second, exit] = await Promise.all([run.stop(10), run.stop(10), run.exit]);
    assert.equal(first.reason, "stopped");
    assert.deepEqual(second, first);
    assert.deepEqual(exit, first);
    assert.deepEqual(await run.stop(0), first);
  });

  test("a run past its limit is ended", async (runtime) => {
    const run = await runtime.start({ ...subject.endless(), timeoutMs: 300 }, () => {});
    assert.equal((await run.exit).reason, "timed_out");
  });

  test("disposing of the runtime ends its runs", async () => {
    const runtime = subject.make();
    const run = await runtime.start(subject.endless(), () => {});
    await runtime[Symbol.asyncDispose]();
    assert.equal((await run.exit).reason, "stopped");
  });

  test("a start that is called off leaves nothing behind", async (runtime) => {
    const abort = new AbortController();
    abort.abort();
    await assert.rejects(
      runtime.start(subject.endless(), () => {}, abort.signal),
      (e) => codeOf(e) === "failed",
    );
  });

  test("what is not there cannot start", async (runtime) => {
    const spec = { ...subject.hello(), wasm: "/nonexistent/guest.wasm" };
    await assert.rejects(runtime.start(spec, () => {}), (e) => codeOf(e) === "failed");
  });

  test("a command serves no requests", async (runtime) => {
    const run = await runtime.start(subject.endless(), () => {});
    await assert.rejects(run.fetch(new Request("http://a.test/")), (e) => codeOf(e) === "unavailable");
    await run.stop(0);
  });

  const { server } = subject;
  if (server === undefined) return;
  test("a server answers until it is stopped, and counts", async (runtime) => {
    const run = await runtime.start(server(), () => {});
    for (let i = 0; i < 3; i++) {
      const response = await run.fetch(new Request("http://a.test/"));
      assert.equal(response.status, 200);
      await response.text();
    }
    assert.equal(run.stats().requests, 3);
    assert.equal(run.stats().errors, 0);
    assert.equal((await run.stop(1_000)).reason, "stopped");
    await assert.rejects(run.fetch(new Request("http://a.test/")), (e) => codeOf(e) === "unavailable");
  });
}
