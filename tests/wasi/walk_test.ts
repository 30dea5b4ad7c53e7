/** A guest's file system is held against the host's own: the same random walk, of the same seed, through both. */
import assert from "node:assert/strict";
import { canRun } from "../system_packages.ts";
import { buildForHost, buildGuests } from "./build.ts";
import { runGuest } from "./run_guest.ts";

const SEEDS = 20;
const STEPS = 1_000;

Deno.test({
  name: "a guest's file system does what the host's does, call by call and error by error",
  // Built for the host, the walk asks Linux; others differ from it in their error numbers.
  ignore: !canRun("wasi") || Deno.build.os !== "linux",
  async fn() {
    const program = await buildForHost("walk");
    const wasm = await Deno.readFile((await buildGuests()).get("walk")!);
    let done = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const [own, guest] = [await Deno.makeTempDir(), await Deno.realPath(await Deno.makeTempDir())];
      const args = [String(seed), String(STEPS)];
      try {
        const host = await new Deno.Command(program, { args, cwd: own, clearEnv: true }).output();
        const wanted = new TextDecoder().decode(host.stdout).split("\n");
        const mounts = [{ guest: "/", host: guest, readOnly: false }];
        const result = await runGuest({ wasm, args: ["walk", ...args], mounts });
        assert.equal(result.code, 0, result.trap ?? result.stderr);
        const got = result.stdout.split("\n");
        wanted.forEach((line, at) => assert.equal(got[at], line, `seed ${seed}`));
        assert.equal(wanted.length, STEPS + 1);
        done += wanted.filter((line) => / = \d+$/.test(line)).length;
      } finally {
        await Deno.remove(own, { recursive: true });
        await Deno.remove(guest, { recursive: true });
      }
    }
    console.log(`${SEEDS} walks of ${STEPS} steps, of which ${done} succeeded, and the same on both sides`);
    assert.ok(done > SEEDS * STEPS / 10, "the walk mostly fails: it shows little");
  },
});
