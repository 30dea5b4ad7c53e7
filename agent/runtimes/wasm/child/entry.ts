/** Entry for children that are started from source without the `realm` executable: tests and benchmarks. */
import { runWasmChild } from "./main.ts";

await runWasmChild();
