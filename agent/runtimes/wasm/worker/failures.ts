/** What ended a guest, in words. */
import { ComponentError, Trap } from "../component/mod.ts";
import { GuestExit } from "../host/basics.ts";
import type { Failure } from "../process/frames.ts";

/** Text in which a guest has a say, cut to what fits a line. */
export const brief = (text: string): string => text.length > 500 ? `${text.slice(0, 500)}…` : text;

/** The message for a request that was ended from outside. */
export class Interrupted extends Error {
  /** Always `Interrupted`. */
  override readonly name = "Interrupted";
}

/** Describes what a guest threw. `memoryFull`: its memory is at the ceiling. */
export function failureOf(error: unknown, memoryFull: boolean, memoryMb: number): Failure {
  if (error instanceof GuestExit) {
    return { reason: "exited", message: `The guest exited with code ${error.code}.` };
  }
  const text = brief(error instanceof Error ? error.message : String(error));
  const trapped = error instanceof WebAssembly.RuntimeError || error instanceof Trap ||
    (error instanceof RangeError && /call stack/i.test(text));
  if (memoryFull || (error instanceof RangeError && /memory/i.test(text))) {
    return {
      reason: "out_of_memory",
      message: `The guest ended at its memory ceiling of ${memoryMb} MiB (${text}).`,
    };
  }
  if (trapped) return { reason: "trapped", message: `The guest trapped: ${text}.` };
  if (error instanceof WebAssembly.LinkError || error instanceof ComponentError) {
    return { reason: "failed", message: `The guest cannot be instantiated: ${text}.` };
  }
  return { reason: "failed", message: `The guest failed: ${text}.` };
}
