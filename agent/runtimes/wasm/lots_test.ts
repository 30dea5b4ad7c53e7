/** Commands of a lot, which may follow each other in one process. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { collectGarbage } from "../../../tests/garbage.ts";
import { buildWasmFixtures } from "../../../tests/fixtures/build.ts";
import { canRun } from "../../../tests/system_packages.ts";
import { specOf, startRun } from "../../../tests/wasm_bed.ts";
import type { ExitReport, RunSpec } from "../runtime.ts";
import { createWasmRuntime, denoChild } from "./mod.ts";

const ignore = !canRun("wasi");
const fixtures = ignore ? undefined : await buildWasmFixtures();
const agent = fileURLToPath(new URL("../../", import.meta.url));

/** A runtime that counts its processes, and a place for the files of one lot per name. */
async function bed() {
  const start = denoChild(`${agent}runtimes/wasm/child/entry.ts`, [], [agent]);
  const made = { processes: 0 };
  const runtime = createWasmRuntime({
    spawnChild: (permissions) => {
      made.processes++;
      return start(permissions);
    },
  });
  const dir = await Deno.makeTempDir({ prefix: "realm-lots-" });
  let runs = 0;
  const spec = async (
    kind: "commandModule" | "commandComponent",
    lot: string,
    args: readonly string[],
    changes: Partial<RunSpec> = {},
  ): Promise<{ spec: RunSpec; root: string }> => {
    const below = `${dir}/${lot}`, root = `${below}/${++runs}`;
    await Deno.mkdir(root, { recursive: true });
    const wasm = fixtures![kind];
    const more = specOf(wasm, {
      mode: "command",
      id: `run${runs}`,
      args: ["guest", ...args],
      mounts: [{ guest: "/", host: root, readOnly: false }],
      wholeLog: true,
      lot: { name: lot, read: [below, wasm.replace(/[^/]*$/, "")], write: [below] },
      ...changes,
    });
    return { spec: more, root };
  };
  return {
    made,
    runtime,
    spec,
    async run(...of: Parameters<typeof spec>): Promise<{ report: ExitReport; out: string; root: string }> {
      const { spec: one, root } = await spec(...of);
      await using job = await startRun(runtime, one);
      const report = await job.run.exit;
      return { report, out: job.log.text("stdout") + job.log.text("stderr"), root };
    },
    async [Symbol.asyncDispose]() {
      await runtime[Symbol.asyncDispose]();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

for (const kind of ["commandModule", "commandComponent"] as const) {
  const test = (name: string, fn: () => Promise<void>) => Deno.test({ name: `${kind}: ${name}`, ignore, fn });

  test("the process of a lot keeps nothing of the runs that it has served", async () => {
    await using b = await bed();
    const ended = async () => {
      const { spec } = await b.spec(kind, "ann", ["hello"], { env: { WHO: "me" } });
      await using job = await startRun(b.runtime, spec);
      await job.run.exit;
      return [new WeakRef(job.run), new WeakRef(job.log)];
    };
    const kept: WeakRef<object>[] = [];
    for (let i = 0; i < 4; i++) kept.push(...await ended());
    assert.equal(b.made.processes, 1);
    await collectGarbage(() => kept.every((ref) => ref.deref() === undefined), "the runs are forgotten");
  });

  test("commands of a lot follow each other in one process, each with its own words, files and figures", async () => {
    await using b = await bed();
    for (const who of ["one", "two", "three"]) {
      const { out, report } = await b.run(kind, "ann", ["hello"], { env: { WHO: who } });
      assert.equal(out, `hello ${who}\nto stderr\n`);
      assert.equal(report.code, 0);
      assert.ok(report.wallMs > 0 && report.cpuMs !== undefined && report.cpuMs >= 0);
    }
    const first = await b.spec(kind, "ann", ["copy", "/a", "/b"]);
    await Deno.writeTextFile(`${first.root}/a`, "secret");
    {
      await using job = await startRun(b.runtime, first.spec);
      assert.equal((await job.run.exit).code, 0);
    }
    assert.equal(await Deno.readTextFile(`${first.root}/b`), "SECRET");
    const next = await b.run(kind, "ann", ["copy", "/a", "/b"]);
    assert.equal(next.report.code, 1, "the file of the command before is not there for the next");
    assert.equal((await b.run(kind, "ann", ["exit"])).report.code, kind === "commandModule" ? 3 : 1);
    assert.equal(b.made.processes, 1);
  });

  test("a process never serves two lots", async () => {
    await using b = await bed();
    for (const lot of ["ann", "bob", "ann", "bob"]) {
      assert.equal((await b.run(kind, lot, ["hello"])).report.code, 0);
    }
    assert.equal(b.made.processes, 2);
  });

  test("after a trap, a time-out, an end for memory or a stop the process is not used again", async () => {
    await using b = await bed();
    const ends = [
      [["trap"], {}, "trapped"],
      [["loop"], { timeoutMs: 300 }, "timed_out"],
      [["allocate"], { memoryMb: 16 }, "out_of_memory"],
    ] as const;
    for (const [args, changes, reason] of ends) {
      assert.equal((await b.run(kind, "ann", args, changes)).report.reason, reason);
    }
    const { spec } = await b.spec(kind, "ann", ["loop"]);
    {
      await using job = await startRun(b.runtime, spec);
      assert.equal((await job.run.stop(0)).reason, "stopped");
    }
    assert.equal((await b.run(kind, "ann", ["hello"])).report.code, 0);
    assert.equal(b.made.processes, 5);
  });
}

Deno.test({
  name: "a stop after the end of a command does nothing to the next one in its process",
  ignore,
  async fn() {
    await using b = await bed();
    const first = await startRun(b.runtime, (await b.spec("commandModule", "ann", ["hello"])).spec);
    assert.equal((await first.run.exit).code, 0);
    await using second = await startRun(
      b.runtime,
      (await b.spec("commandModule", "ann", ["slow", "10"])).spec,
    );
    assert.equal((await first.run.stop(0)).code, 0);
    assert.equal((await second.run.exit).code, 0);
    assert.equal(second.log.text("stdout").trim().split("\n").length, 10);
    assert.equal(b.made.processes, 1);
  },
});

Deno.test({
  name: "many commands at once all end, in few processes",
  ignore,
  async fn() {
    await using b = await bed();
    const all = await Promise.all(
      Array.from({ length: 30 }, () => b.run("commandModule", "ann", ["hello"], { env: { WHO: "all" } })),
    );
    assert.ok(all.every(({ report, out }) => report.code === 0 && out.startsWith("hello all")));
    assert.ok(b.made.processes < 30, `${b.made.processes} processes`);
  },
});

Deno.test({
  name: "a start that is called off while it waits for a process leaves nothing waiting",
  ignore,
  async fn() {
    await using b = await bed();
    const off = new AbortController();
    const { spec } = await b.spec("commandModule", "ann", ["hello"]);
    const start = b.runtime.start(spec, () => {}, off.signal);
    off.abort();
    await assert.rejects(start, /called off/);
    assert.equal((await b.run("commandModule", "ann", ["hello"])).report.code, 0);
    assert.equal(b.made.processes, 1);
  },
});

Deno.test({
  name: "when no process can be started a command of a lot fails and says so",
  ignore,
  async fn() {
    await using b = await bed();
    await using broken = createWasmRuntime({
      spawnChild: () => ({ command: "/bin/false", args: [], env: {} }),
    });
    const { spec } = await b.spec("commandModule", "ann", ["hello"]);
    await assert.rejects(broken.start(spec, () => {}), /cannot start/);
  },
});
