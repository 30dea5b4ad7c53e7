/** Runs as benchmarks submit them. */
import { digestOf, type JobRunSpec } from "../../mod.ts";
import { testSpec } from "../test_views.ts";

/** A WASM program that prints a line. */
export const wasmSpec = (wasm: Uint8Array, job: string): JobRunSpec =>
  testSpec(job, {
    program: { digest: digestOf(wasm), bytes: wasm.length, name: "command.wasm" },
    memory_mb: 32,
    disk_mb: 16,
    args: ["hello"],
    env: { WHO: "bench" },
    log: { retention_ms: 86_400_000, max_bytes: 1 << 20 },
  });

/** The same as a program of the operating system. */
export function nativeSpec(): JobRunSpec {
  const { program: _, ...spec } = wasmSpec(new Uint8Array(), "native");
  const echo = { argv: ["/bin/echo", "hello"], go_on: false };
  return {
    ...spec,
    runtime: "native",
    native: { steps: [echo], pids: 64, network: "none", read: [], minimum: "floor" },
    args: [],
  };
}
