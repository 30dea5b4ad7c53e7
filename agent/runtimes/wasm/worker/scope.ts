/**
 * What a guest's worker takes off its global scope before it runs anything of a guest. Guests are WebAssembly and reach
 * nothing but their imports; this is the second wall, should one find a hole in the first. (`Deno` stays: the guest file
 * system needs it, and the worker's permissions bound it.)
 */
const NAMES = [
  "BroadcastChannel",
  "EventSource",
  "WebSocket",
  "WebSocketStream",
  "Worker",
  "caches",
  "fetch",
  "localStorage",
  "sessionStorage",
  "indexedDB",
  "eval",
  "Function",
  "process",
  "console",
  "alert",
  "confirm",
  "prompt",
] as const;

/** Removes globals; returns `fetch`, for outgoing requests that have been checked. */
export function narrowGlobals(): typeof fetch {
  const kept = globalThis.fetch;
  for (const name of NAMES) {
    try {
      delete (globalThis as Record<string, unknown>)[name];
    } catch { /* not configurable: it is bounded by the worker's permissions */ }
  }
  return kept;
}
