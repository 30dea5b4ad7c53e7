/** What a wasm run is to the runtime: its module, its files, and the lot whose process may execute it. */
import type { AttemptOrder } from "../../core/mod.ts";
import type { RunSpec, SecretFiles } from "../../runtimes/mod.ts";
import { type AttemptWorld, lotDirectory } from "./attempt_world.ts";
import { programsDirectory } from "./inputs.ts";
import { SECRETS_MOUNT, secretsOfSubmitter } from "./run_secrets.ts";

/** Sandbox of the wasm runtime, in words. */
export const WASM_LEVEL = "wasm in a process with scoped permissions";

/** `root`: what the program sees as `/`; `wasm`: its module; `env`: all but what the runtime adds. */
export function wasmRun(
  world: AttemptWorld,
  order: AttemptOrder,
  root: string,
  wasm: string,
  env: Readonly<Record<string, string>>,
  files: SecretFiles | undefined,
): RunSpec {
  const { spec } = order;
  const paths = Object.entries(files?.variables ?? {}).map(([v, file]) => [v, `${SECRETS_MOUNT}/${file}`]);
  return {
    id: order.attempt,
    mode: "command",
    wasm,
    digest: spec.program!.digest,
    cacheDir: `${world.dataDir}/cache/wasm`,
    args: [spec.program!.name, ...spec.args],
    env: { TMPDIR: "/tmp", ...env, ...Object.fromEntries(paths) },
    mounts: [
      { guest: "/", host: root, readOnly: false, quotaBytes: spec.disk_mb * 1024 * 1024 },
      ...files ? [{ guest: SECRETS_MOUNT, host: files.directory, readOnly: true }] : [],
    ],
    memoryMb: spec.memory_mb,
    maxConcurrency: 1,
    timeoutMs: spec.timeout_ms,
    instance: "per_request",
    outbound: [],
    wholeLog: true,
    lot: {
      name: order.by,
      read: [
        lotDirectory(world.dataDir, order.by),
        programsDirectory(world.dataDir),
        secretsOfSubmitter(world.secretsRoots.wasm, order.by),
      ],
      write: [lotDirectory(world.dataDir, order.by)],
    },
    ...(spec.stdin ? { stdin: world.store.read(spec.stdin.digest) } : {}),
  };
}
