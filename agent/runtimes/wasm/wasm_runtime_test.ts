import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { testRuntimeContract } from "../../../tests/contract/runtime_contract.ts";
import { buildWasmFixtures } from "../../../tests/fixtures/build.ts";
import { canRun } from "../../../tests/system_packages.ts";
import { sourceRuntime, specOf } from "../../../tests/wasm_bed.ts";
import { createWasmRuntime, denoChild } from "./mod.ts";

const ignore = !canRun("wasi");
const fixtures = ignore ? undefined : await buildWasmFixtures();

for (const kind of ["commandModule", "commandComponent"] as const) {
  const command = (what: string) => () =>
    specOf(fixtures![kind], { mode: "command", args: ["guest", what], env: { WHO: "world" } });
  testRuntimeContract({
    name: `wasm (${kind})`,
    ignore,
    make: sourceRuntime,
    hello: command("hello"),
    endless: command("loop"),
    ...(kind === "commandComponent" ? { server: () => specOf(fixtures!.hello) } : {}),
  });
}

Deno.test({
  name: "a single-file build of the child, with its worker's text inside, serves",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
    const bundle = async (entry: string, out: string) => {
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["bundle", "-q", "-o", out, entry],
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
    };
    try {
      await bundle(at("worker/main.ts"), `${folder}/worker.js`);
      await bundle(at("child/entry.ts"), `${folder}/child.js`);
      const text = JSON.stringify(await Deno.readTextFile(`${folder}/worker.js`));
      const child = await Deno.readTextFile(`${folder}/child.js`);
      await Deno.writeTextFile(
        `${folder}/one.js`,
        `globalThis[Symbol.for("realm.wasm.worker")] = ${text};\n${child}`,
      );
      // No directory of sources may be read: everything must be in the one file.
      await using runtime = createWasmRuntime({ spawnChild: denoChild(`${folder}/one.js`, [], []) });
      const run = await runtime.start(specOf(fixtures!.hello), () => {});
      const response = await run.fetch(new Request("http://a.test/"));
      assert.match(await response.text(), /^hello/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
