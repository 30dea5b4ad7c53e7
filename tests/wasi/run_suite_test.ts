import assert from "node:assert/strict";
import { canRun } from "../system_packages.ts";
import { buildGuests } from "./build.ts";
import { runSuite } from "./run_suite.ts";

const ignore = !canRun("wasi");
const guests = ignore ? new Map<string, string>() : await buildGuests();

Deno.test({
  name:
    "a suite in the public form is run, and a case passes only when exit code, stdout and stderr are as said",
  ignore,
  async fn() {
    const directory = Deno.makeTempDirSync();
    try {
      const add = (name: string, guest: string, specification?: unknown) => {
        Deno.copyFileSync(guests.get(guest)!, `${directory}/${name}.wasm`);
        if (specification !== undefined) {
          Deno.writeTextFileSync(`${directory}/${name}.json`, JSON.stringify(specification));
        }
      };
      add("default", "echo");
      add("echo", "echo", { stdin: "text", stdout: "text", stderr: "4 bytes\n" });
      add("wrong_stdout", "echo", { stdin: "text", stdout: "other" });
      add("wrong_stderr", "echo", { stderr: "" });
      add("exit_code", "exit", { args: ["return"], exit_code: 7 });
      add("wrong_code", "exit", { args: ["return"] });
      add("traps", "exit", { args: ["trap"] });
      Deno.mkdirSync(`${directory}/dir`);
      Deno.mkdirSync(`${directory}/dir/left.cleanup`);
      // paths.c wants a preopen named /rw, and a directory is preopened under the name it has in the suite.
      add("dirs", "paths", { dirs: ["dir"] });
      add("root", "root", { root: "dir" });
      add("root_by_default", "root");
      add("operations", "echo", {
        operations: [
          { type: "run", args: [] },
          { type: "write", id: "stdin", payload: "text" },
          { type: "read", payload: "text" },
          { type: "read", id: "stderr", payload: "4 bytes\n" },
          { type: "wait", exit_code: 0 },
        ],
      });
      add("unknown_operation", "echo", { operations: [{ type: "connect" }] });
      const results = await runSuite(directory);
      assert.deepEqual(results.filter((r) => r.failures.length === 0).map((r) => r.name), [
        "default",
        "echo",
        "exit_code",
        "operations",
        "root",
        "root_by_default",
      ]);
      const failures = new Map(results.map((r) => [r.name, r.failures]));
      assert.match(failures.get("wrong_stdout")![0]!, /^stdout: expected "other", got "text"/);
      assert.match(failures.get("wrong_stderr")![0]!, /^stderr/);
      assert.match(failures.get("wrong_code")![0]!, /expected 0, got 7/);
      assert.match(failures.get("traps")![0]!, /expected 0, got trapped/);
      assert.match(failures.get("unknown_operation")![0]!, /connect/);
      assert.deepEqual((await runSuite(directory, "wrong_")).map((r) => r.name).length, 3);
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  },
});
