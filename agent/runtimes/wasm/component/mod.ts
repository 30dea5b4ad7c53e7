/**
 * Runs WebAssembly components (WASI 0.2, synchronous component model): decode once, link once, instantiate often.
 *
 * **Why not translated JavaScript.** Nothing is generated and evaluated, so no code but WebAssembly comes from a guest;
 * there is nothing to translate ahead or to cache; and an instance costs what its core modules cost.
 *
 * **How it waits.** When a host function marked suspending returns a promise, the guest's stack is put aside by
 * JavaScript Promise Integration, so one thread serves many instances that wait. An instance itself runs one call at a time.
 *
 * Not supported, and refused by name when met: the asynchronous part of WASI 0.3, component-level values, start
 * functions of components, imported modules and components.
 */
export { decodeComponent, wasmKindOf } from "./decode.ts";
export type { DecodedComponent, Definition } from "./decode.ts";
export { ComponentError, Trap, WitError } from "./errors.ts";
export { link, withoutVersion } from "./link.ts";
export type { Plan } from "./link.ts";
export { instantiate } from "./instantiate.ts";
export type { ComponentInstance, HostFunc, HostImports, MemorySource, Suspending } from "./instantiate.ts";
