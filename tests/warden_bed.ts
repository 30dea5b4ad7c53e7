/**
 * Programs that outlive their agent, where the agent is not root: the same file is the agent and its warden, bundled,
 * under another user. `warden_bed.js agent DATA_DIR LAUNCHER LEVEL` prints what came of it as JSON.
 */
import { createKeptRuntime, runWarden, sourceLauncher } from "../agent/runtimes/native/mod.ts";
import { sandboxLevels } from "../agent/protocol/policy.ts";
import { programOf } from "./native_bed.ts";

/** What an agent that went and came back found. */
export interface Outlived {
  readonly limits: string;
  /** Why the level is not there; then nothing else was tried. */
  readonly lacks?: string;
  readonly code?: number;
  readonly text?: string;
  /** The same process, before and after. */
  readonly pids?: readonly number[];
}

const [mode, dataDir, launcher, last] = Deno.args;
const spawnLauncher = sourceLauncher(launcher);
const runtime = () =>
  createKeptRuntime({
    dataDir,
    spawnLauncher,
    version: "1",
    spawnWarden: (directory) => ({
      command: Deno.execPath(),
      args: ["run", "-A", "--no-check", "--quiet", Deno.mainModule, "warden", dataDir, launcher, directory],
      env: { DENO_DIR: `${dataDir}/cache`, PATH: Deno.env.get("PATH") ?? "" },
    }),
  });

async function agent(): Promise<Outlived> {
  const level = sandboxLevels.find((l) => l === last)!;
  const root = `${dataDir}/jobs/${crypto.randomUUID()}/root`;
  await Deno.mkdir(`${root}/tmp`, { recursive: true });
  let text = "", end = 0;
  const pid = () => Number(/pid (\d+)/.exec(text)?.[1] ?? 0);
  const onLog = (chunk: { readonly bytes: Uint8Array; readonly end?: number }) => {
    text += new TextDecoder().decode(chunk.bytes);
    end = chunk.end!;
  };
  let limits: string;
  {
    await using first = runtime();
    const report = await first.sandbox();
    limits = report.limits;
    const lacks = report.levels[level];
    if (lacks !== undefined) return { limits, lacks };
    const script =
      "echo pid $$; i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); sleep 0.02; done; echo pid $$; exit 7";
    const run = await first.start(
      programOf(["sh", "-c", script], { root, minimum: level, memo: "x" }),
      onLog,
    );
    while (!text.includes("line 5\n")) await new Promise((resolve) => setTimeout(resolve, 20));
    run.lasting!.leave();
  }
  const before = pid();
  await using next = runtime();
  const [survivor] = await next.recover();
  const run = survivor.adopt({ stdout: end, stderr: 0 }, onLog);
  const { code } = await run.exit;
  run.lasting!.release();
  return { limits, code: code ?? -1, text, pids: [before, Number(/pid (\d+)\n$/.exec(text)?.[1])] };
}

if (import.meta.main) {
  if (mode === "warden") {
    await runWarden({ dataDir, directory: last, version: "1", spawnLauncher });
  } else console.log(JSON.stringify(await agent()));
  Deno.exit(0);
}
