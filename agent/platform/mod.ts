/**
 * The real world behind the ports: clocks, randomness, keys, disk, database, log. Nothing here knows what a realm is.
 */
export * from "./clock.ts";
export * from "./crypto.ts";
export * from "./database.ts";
export * from "./directory_lock.ts";
export * from "./log.ts";
export * from "./machine.ts";
export { createDisk } from "./disk.ts";
export { createHasher } from "./hash.ts";
export * from "./self.ts";
