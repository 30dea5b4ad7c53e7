/** What the calls of one guest instance work on. */
import type { GuestFs } from "../fs/mod.ts";
import type { World } from "./clock.ts";
import type { Descriptors } from "./descriptors.ts";
import type { GuestMemory } from "./guest_memory.ts";

/** State of one guest instance. */
export interface Context {
  readonly memory: GuestMemory;
  readonly descriptors: Descriptors;
  readonly fs: GuestFs;
  readonly world: World;
  /** Arguments as NUL-terminated UTF-8. */
  readonly args: readonly Uint8Array[];
  /** `NAME=value` as NUL-terminated UTF-8. */
  readonly environ: readonly Uint8Array[];
}

/** What WebAssembly passes: `i32` as a signed number, `i64` as a signed bigint. */
// deno-lint-ignore no-explicit-any
export type Call = (...values: any[]) => void;

/** One family of calls by name. A call returns normally for success; see `host.ts` for how it fails. */
export type Calls = Readonly<Record<string, Call>>;

/** An `i64` as the unsigned number it stands for. */
export const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);
