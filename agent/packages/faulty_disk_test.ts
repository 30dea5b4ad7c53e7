/** A disk that loses power after a number of changes: every later call fails, as after `kill -9`. */
import type { Disk } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";

/** `disk` with at most `changes` changes; a write on which the power fails is half done. */
export function faultyDisk(disk: Disk, changes: number): { disk: Disk; steps(): number } {
  let done = 0;
  const dead = () => new RealmError("disk", "no power");
  const step = <A extends unknown[], T>(call: (...args: A) => Promise<T>) => (...args: A): Promise<T> =>
    done++ < changes ? call(...args) : Promise.reject(dead());
  return {
    steps: () => done,
    disk: {
      ...disk,
      create: step(async (path) => {
        const writer = await disk.create(path);
        return {
          async write(bytes) {
            if (done++ < changes) return await writer.write(bytes);
            if (done === changes + 1) await writer.write(bytes.subarray(0, bytes.length >> 1));
            throw dead();
          },
          sync: step(() => writer.sync()),
          close: () => writer.close(),
        };
      }),
      writeAtomic: step(disk.writeAtomic),
      rename: step(disk.rename),
      remove: step(disk.remove),
      makeDirectory: step(disk.makeDirectory),
      syncDirectory: step(disk.syncDirectory),
    },
  };
}
