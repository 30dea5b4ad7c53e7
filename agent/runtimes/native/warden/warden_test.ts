import assert from "node:assert/strict";
import { nativeIgnored, plainFolder, programOf } from "../../../../tests/native_bed.ts";
import { sleepersOf } from "../../../../tests/native_jobs.ts";
import type { Outlived } from "../../../../tests/warden_bed.ts";
import { sandboxLevels } from "../../../protocol/policy.ts";
import { eventually } from "../../../../tests/cluster.ts";
import type { LogChunk } from "../../../ports.ts";
import type { ProgramRuntime } from "../../program.ts";
import { launcherEnvironment, sourceLauncher } from "../launch_command.ts";
import { isOver, processInfo } from "../processes.ts";
import { createKeptRuntime } from "./kept_runtime.ts";
import { wardensDirectory } from "./words.ts";

const ignore = nativeIgnored("anyone");
const spawnLauncher = sourceLauncher(new URL("../launcher/entry.ts", import.meta.url).pathname);
const CONFIG = new URL("../../../../deno.json", import.meta.url).pathname;
/** A warden from source, which is alone for a short time only. */
const script = (dataDir: string, aloneMs: number) => `
  import { runWarden } from ${JSON.stringify(import.meta.resolve("./warden.ts"))};
  import { sourceLauncher } from ${JSON.stringify(import.meta.resolve("../launch_command.ts"))};
  await runWarden({
    dataDir: ${JSON.stringify(dataDir)}, directory: Deno.args[0], version: "1", aloneMs: ${aloneMs},
    spawnLauncher: sourceLauncher(${
  JSON.stringify(new URL("../launcher/entry.ts", import.meta.url).pathname)
}),
  });
  Deno.exit(0);
`;

interface Bed extends AsyncDisposable {
  readonly dataDir: string;
  runtime(): ProgramRuntime;
  root(): Promise<string>;
}

async function bed(aloneMs = 60_000): Promise<Bed> {
  const dataDir = await Deno.makeTempDir();
  await Deno.chmod(dataDir, 0o755);
  await Deno.writeTextFile(`${dataDir}/warden.ts`, script(dataDir, aloneMs));
  return {
    dataDir,
    runtime: () =>
      createKeptRuntime({
        dataDir,
        spawnLauncher,
        version: "1",
        levels: ["floor"],
        spawnWarden: (directory) => ({
          command: Deno.execPath(),
          args: [
            "run",
            "-A",
            "--no-check",
            "--quiet",
            `--config=${CONFIG}`,
            `${dataDir}/warden.ts`,
            directory,
          ],
          env: { ...launcherEnvironment(), PATH: Deno.env.get("PATH") ?? "" },
        }),
      }),
    async root() {
      const root = `${dataDir}/jobs/${crypto.randomUUID()}/root`;
      await Deno.mkdir(`${root}/tmp`, { recursive: true });
      return root;
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}

/** Collects what a program wrote to stdout, and where that ends. */
function collect(): { onLog: (chunk: LogChunk) => void; text: () => string; end: () => number } {
  let text = "", end = 0;
  return {
    onLog: ({ stream, bytes, end: at }) => {
      if (stream !== "stdout") return;
      text += new TextDecoder().decode(bytes);
      end = at!;
    },
    text: () => text,
    end: () => end,
  };
}

const count = (to: number) =>
  `i=0; while [ $i -lt ${to} ]; do echo "line $i"; i=$((i+1)); sleep 0.01; done; exit 7`;
const lines = (to: number) => Array.from({ length: to }, (_, i) => `line ${i}\n`).join("");

Deno.test({
  name: "a program goes on when its agent has gone; the next one has the rest of its output and its end",
  ignore,
  async fn() {
    await using it = await bed();
    const root = await it.root();
    const before = collect(), after = collect();
    {
      await using runtime = it.runtime();
      const run = await runtime.start(programOf(["sh", "-c", count(100)], { root, memo: "x" }), before.onLog);
      await eventually("it writes", () => before.text().split("\n").length > 10);
      run.lasting!.leave();
    }
    await using runtime = it.runtime();
    const [survivor, ...others] = await runtime.recover();
    assert.deepEqual(others, []);
    assert.equal(survivor.memo, "x");
    const run = survivor.adopt({ stdout: before.end(), stderr: 0 }, after.onLog);
    const exit = await run.exit;
    assert.equal(exit.code, 7);
    assert.equal(before.text() + after.text(), lines(100));
    run.lasting!.release();
    assert.equal(await runs(runtime, it), "ok");
  },
});

/** The warden takes new programs also after others were taken over. */
async function runs(runtime: ProgramRuntime, it: Bed): Promise<string> {
  const { onLog, text } = collect();
  const run = await runtime.start(programOf(["echo", "ok"], { root: await it.root() }), onLog);
  await run.exit;
  return text().trim();
}

Deno.test({
  name:
    "the end of a program while there is no agent is written down; its warden goes, and is not needed any more",
  ignore,
  async fn() {
    await using it = await bed();
    const root = await it.root();
    const log = collect();
    {
      await using runtime = it.runtime();
      const run = await runtime.start(programOf(["sh", "-c", count(20)], { root, memo: "x" }), () => {});
      run.lasting!.leave();
    }
    const [name] = [...Deno.readDirSync(wardensDirectory(it.dataDir))].map((e) => e.name);
    const { pid } = JSON.parse(Deno.readTextFileSync(`${wardensDirectory(it.dataDir)}/${name}/warden.json`));
    await eventually("the warden ends", () => isOver(pid));
    await using runtime = it.runtime();
    const [survivor] = await runtime.recover();
    const run = survivor.adopt({ stdout: 7, stderr: 0 }, log.onLog);
    assert.equal((await run.exit).code, 7);
    assert.equal(log.text(), lines(20).slice(7));
    run.lasting!.release();
    assert.deepEqual([...Deno.readDirSync(wardensDirectory(it.dataDir))], []);
  },
});

Deno.test({
  name: "a program that no agent comes back for is ended, with all its processes",
  ignore,
  async fn() {
    await using it = await bed(300);
    const root = await it.root();
    const mark = `1000.${crypto.randomUUID().slice(0, 6).replaceAll(/\D/g, "1")}`;
    const named = () => sleepersOf(mark).length;
    {
      await using runtime = it.runtime();
      const run = await runtime.start(
        programOf(["sh", "-c", `sleep ${mark} & sleep ${mark}`], { root, memo: "x" }),
        () => {},
      );
      await eventually("both run", () => named() === 2);
      run.lasting!.leave();
    }
    await eventually("its processes are gone", () => named() === 0);
    await using runtime = it.runtime();
    const [survivor] = await eventually("it is written down", async () => {
      const found = await runtime.recover();
      return found.length > 0 && found;
    });
    const exit = await survivor.adopt({ stdout: 0, stderr: 0 }, () => {}).exit;
    assert.match(exit.message, /no agent came back for it/);
    await survivor.end();
  },
});

Deno.test({
  name: "a warden that is killed takes its programs with it, which are told as ended",
  ignore,
  async fn() {
    await using it = await bed();
    await using runtime = it.runtime();
    const run = await runtime.start(
      programOf(["sleep", "1000"], { root: await it.root(), memo: "x" }),
      () => {},
    );
    const [name] = [...Deno.readDirSync(wardensDirectory(it.dataDir))].map((e) => e.name);
    const { pid } = JSON.parse(Deno.readTextFileSync(`${wardensDirectory(it.dataDir)}/${name}/warden.json`));
    assert.ok(processInfo(pid));
    Deno.kill(pid, "SIGKILL");
    const exit = await run.exit;
    assert.equal(exit.reason, "killed");
    assert.equal(await runs(runtime, it), "ok");
  },
});

Deno.test({
  name: "output that nobody keeps holds the program back, and none of it is lost",
  ignore,
  async fn() {
    await using it = await bed();
    await using runtime = it.runtime();
    let bytes = 0, last = 0;
    const run = await runtime.start(
      programOf(["head", "-c", "3000000", "/dev/zero"], { root: await it.root(), memo: "x" }),
      (chunk) => {
        bytes += chunk.bytes.length;
        last = chunk.end!;
      },
    );
    await eventually("as much as is held has come", () => bytes >= 1024 * 1024);
    assert.ok(bytes < 2_500_000, `${bytes} bytes came although none was kept`);
    const keep = setInterval(() => run.lasting!.kept({ stdout: last, stderr: 0 }), 5);
    assert.equal((await run.exit).code, 0);
    clearInterval(keep);
    assert.equal(bytes, 3_000_000);
    run.lasting!.release();
  },
});

Deno.test({
  name: "programs outlive an agent that is not root too, without control groups, at each level",
  ignore: nativeIgnored("root"),
  async fn() {
    await using folder = await plainFolder(["warden_bed.ts"]);
    for (const level of sandboxLevels) {
      const text = await folder.run("warden_bed.js", "agent", folder.dataDir, folder.launcher, level);
      const { limits, lacks, code, text: wrote, pids } = JSON.parse(text) as Outlived;
      assert.match(limits, /limits by watching/);
      if (lacks !== undefined) {
        console.log(`left out: no sandbox ${level}: ${lacks}`);
        continue;
      }
      assert.equal(code, 7);
      assert.equal(pids![0], pids![1]);
      assert.equal(wrote, `pid ${pids![0]}\n${lines(60)}pid ${pids![0]}\n`);
    }
  },
});
