/**
 * A guest's file system is held against the host's own: the same random walk, of the same seed, through both. The guest
 * is a preview 1 module, and the same as a component of WASI 0.2.
 */
import assert from "node:assert/strict";
import { commandFromCore } from "../../examples/lib/toolchain.ts";
import { canRun } from "../system_packages.ts";
import { sourceRuntime, specOf, startRun } from "../wasm_bed.ts";
import { buildForHost, buildGuests } from "./build.ts";

const SEEDS = 20;
const STEPS = 1_000;
// Built for the host, the walk asks Linux; others differ from it in their error numbers.
const ignore = !canRun("wasi") || Deno.build.os !== "linux";

/** Walks in an empty directory, and returns what was printed. */
async function walk(run: (args: readonly string[], place: string) => Promise<string>, seed: number) {
  const place = await Deno.realPath(await Deno.makeTempDir());
  try {
    return (await run([String(seed), String(STEPS)], place)).split("\n");
  } finally {
    await Deno.remove(place, { recursive: true });
  }
}

for (const kind of ["a module of preview 1", "a component of WASI 0.2"]) {
  Deno.test({
    name: `the file system of ${kind} does what the host's does, call by call and error by error`,
    ignore,
    async fn() {
      const program = await buildForHost("walk");
      const module = (await buildGuests()).get("walk")!;
      const scratch = await Deno.makeTempDir();
      try {
        const component = `${scratch}/component.wasm`;
        const isModule = kind.startsWith("a module");
        if (!isModule) await commandFromCore(module, component);
        await using runtime = sourceRuntime();
        let done = 0;
        for (let seed = 1; seed <= SEEDS; seed++) {
          const wanted = await walk(async (args, cwd) => {
            const { stdout } = await new Deno.Command(program, { args: [...args], cwd, clearEnv: true })
              .output();
            return new TextDecoder().decode(stdout);
          }, seed);
          const got = await walk(async (args, host) => {
            await using started = await startRun(
              runtime,
              specOf(isModule ? module : component, {
                mode: "command",
                args: ["walk", ...args],
                mounts: [{ guest: "/", host, readOnly: false }],
                cacheDir: scratch,
                wholeLog: true,
                timeoutMs: 60_000,
              }),
            );
            const report = await started.run.exit;
            assert.equal(report.code, 0, report.message);
            return started.log.text("stdout");
          }, seed);
          wanted.forEach((line, at) => assert.equal(got[at], line, `seed ${seed}`));
          assert.equal(wanted.length, STEPS + 1);
          done += wanted.filter((line) => / = \d+$/.test(line)).length;
        }
        console.log(
          `${SEEDS} walks of ${STEPS} steps, of which ${done} succeeded, and the same on both sides`,
        );
        assert.ok(done > SEEDS * STEPS / 10, "the walk mostly fails: it shows little");
      } finally {
        await Deno.remove(scratch, { recursive: true });
      }
    },
  });
}
