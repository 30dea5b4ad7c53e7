/** Accounting of the bytes that a store holds, against its quota. */
import { RealmError } from "../protocol/errors.ts";
import { mebibytes } from "../protocol/sizes.ts";

/** Bytes in use and reserved. Reserving comes before writing, so the quota holds whatever runs at once. */
export interface Space {
  /** Bytes in use, reservations included. */
  used(): number;
  /** Bytes allowed. */
  quota(): number;
  /** Takes `bytes`; makes room once when there is too little; throws `no_space` when it stays too little. */
  reserve(bytes: number): Promise<void>;
  /** Gives `bytes` back. */
  release(bytes: number): void;
  /** Counts bytes that were found on disk. */
  add(bytes: number): void;
}

/** `quota` is asked at each reservation; `makeRoom` may remove content (garbage collection) and is awaited. */
export function createSpace(
  quota: () => number,
  makeRoom?: (bytes: number) => Promise<void>,
): Space {
  let used = 0;
  let making: Promise<void> | undefined;
  const missing = (bytes: number) => used + bytes - quota();
  return {
    used: () => used,
    quota,
    async reserve(bytes) {
      if (missing(bytes) > 0 && makeRoom) {
        // One collection at a time; who comes meanwhile waits for it, then may start its own.
        await making?.catch(() => {});
        if (missing(bytes) > 0) {
          const run = making = makeRoom(missing(bytes)).finally(() => {
            if (making === run) making = undefined;
          });
          await run;
        }
      }
      if (missing(bytes) > 0) {
        throw new RealmError(
          "no_space",
          `the node's store may take ${mebibytes(quota())} and holds ${mebibytes(used)}, ${
            mebibytes(bytes)
          } more are needed; ` +
            "free space on its disk, or give up what 'realm storage list' shows by 'realm storage unpin'",
          { detail: { quota: quota(), used, needed: bytes } },
        );
      }
      used += bytes;
    },
    release: (bytes) => void (used = Math.max(0, used - bytes)),
    add: (bytes) => void (used += bytes),
  };
}

/** The default quota: 20 % of the device, or what the store may still take (held already plus free), if that is less. */
export const defaultQuota = (device: { total: number; free: number }, held: number): number =>
  Math.floor(Math.min(device.total * 0.2, device.free + held));
