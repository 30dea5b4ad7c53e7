/**
 * The engine's place on macOS and Windows: their sandboxes are written by documentation (`darwin_sandbox.ts`,
 * `windows_sandbox.ts`) and were never tried, so that nothing is started in them; `realm doctor` says so.
 */
import { RealmError } from "../../protocol/errors.ts";
import type { ProgramRuntime, SandboxReport } from "../program.ts";
import type { Probe } from "../runtime.ts";

const SANDBOXES: Readonly<Partial<Record<typeof Deno.build.os, string>>> = {
  darwin: "macOS by sandbox profiles",
  windows: "Windows by job objects",
};

/** Makes it. */
export function createUntriedRuntime(os: typeof Deno.build.os = Deno.build.os): ProgramRuntime {
  const name = SANDBOXES[os];
  const why = name === undefined
    ? `there is no sandbox for ${os}`
    : `the sandbox for ${name} is untested and therefore not used; run native jobs on Linux`;
  return {
    kind: "native",
    probe: (): Promise<Probe> =>
      Promise.resolve({ kind: "native", available: false, detail: why, features: [] }),
    sandbox: (): Promise<SandboxReport> =>
      Promise.resolve({ levels: { floor: why, namespaced: why }, limits: "none: nothing is started" }),
    start: () =>
      Promise.reject(new RealmError("policy_refused", `This node starts no native program: ${why}.`)),
    recover: () => Promise.resolve([]),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
