/**
 * Engines that run workloads behind one interface. `wasm` for components and modules, `native` for programs; which
 * engine a workload gets is decided elsewhere.
 */
export * from "./native/mod.ts";
export * from "./program.ts";
export * from "./runtime.ts";
export * from "./wasm/mod.ts";
