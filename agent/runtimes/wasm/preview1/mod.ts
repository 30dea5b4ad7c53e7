/**
 * The host of WASI preview 1 (`wasi_snapshot_preview1`): every call of the standard, synchronous, over the guest file
 * system (`../fs`). One host per guest instance, to be run in a worker of its own since calls block.
 *
 * **What holds.** Whatever a guest passes, a call returns an error number or ends the guest: pointers and lengths are
 * checked against its memory, counts are bounded, rights are enforced (those asked for beyond the inheriting ones of
 * the directory are refused with `ENOTCAPABLE`), and paths never leave the mounts.
 *
 * It knows nothing of workers, logs or limits on time and memory; those who run it do. On purpose there are no
 * sockets (`ENOTSOCK`), no terminals, and no way to change a descriptor's rights upwards.
 */
export { FIXED_START_NS, fixedWorld, realWorld } from "./clock.ts";
export type { World } from "./clock.ts";
export { createPreview1, preview1Module } from "./host.ts";
export type { Preview1Host, Preview1Options } from "./host.ts";
export { GuestExit } from "./process_calls.ts";
export { bytesSource, emptySource } from "./stdio.ts";
export type { ByteSink, ByteSource, SourceState } from "./stdio.ts";
export { createStdinRing, ringSource, ringWriter } from "./stdin_ring.ts";
export type { StdinWriter } from "./stdin_ring.ts";
