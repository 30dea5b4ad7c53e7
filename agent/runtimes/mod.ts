/**
 * Engines that run workloads behind one interface. So far `wasm`; which engine a workload gets is decided elsewhere.
 */
export * from "./runtime.ts";
export * from "./wasm/mod.ts";
