/**
 * libp2p's peer store takes its locks from the package `mortice`, which opens a `BroadcastChannel` with the first lock
 * of the process so that workers may share locks. Realm shares none, and under Deno that channel can be neither
 * unreferenced nor closed from outside: it would keep the process alive after the mesh has stopped.
 */
import mortice from "mortice";

/** Makes the first lock of the process with a channel that carries nothing. Must run before a libp2p node is made. */
export function quietLocks(): void {
  const native = globalThis.BroadcastChannel;
  globalThis.BroadcastChannel = new Proxy(native, { construct: () => new EventTarget() });
  try {
    mortice({ name: "realm-first-lock" }).finalize();
  } finally {
    globalThis.BroadcastChannel = native;
  }
}
