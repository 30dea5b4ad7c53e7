/** What a wasm run is to the runtime: its module, its files, and the lot whose process may execute it. */
import type { AttemptOrder } from "../../core/mod.ts";
import type { RunSpec } from "../../runtimes/mod.ts";
import { type AttemptWorld, lotDirectory } from "./attempt_world.ts";
import { programsDirectory } from "./inputs.ts";
import { type GivenSecrets, SECRETS_MOUNT, secretsOfSubmitter } from "./run_secrets.ts";

/** Sandbox of the wasm runtime, in words. */
export const WASM_LEVEL = "wasm in a process with scoped permissions";

/** Variables with the paths of a program's files of secrets. */
export const secretPaths = ({ files }: GivenSecrets): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(files?.variables ?? {}).map(([v, file]) => [v, `${SECRETS_MOUNT}/${file}`]),
  );

/** Where it finds them. */
export const secretMounts = ({ files }: GivenSecrets): RunSpec["mounts"] =>
  files ? [{ guest: SECRETS_MOUNT, host: files.directory, readOnly: true }] : [];

/** `root`: what the program sees as `/`; `wasm`: its module; `env`: all but what the runtime adds. */
export function wasmRun(
  world: AttemptWorld,
  order: AttemptOrder,
  root: string,
  wasm: string,
  env: Readonly<Record<string, string>>,
  given: GivenSecrets,
): RunSpec {
  const { spec } = order;
  return {
    id: order.attempt,
    mode: "command",
    wasm,
    digest: spec.program!.digest,
    cacheDir: `${world.dataDir}/cache/wasm`,
    args: [spec.program!.name, ...spec.args],
    env: { TMPDIR: "/tmp", ...env, ...secretPaths(given) },
    mounts: [
      { guest: "/", host: root, readOnly: false, quotaBytes: spec.disk_mb * 1024 * 1024 },
      ...secretMounts(given),
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
