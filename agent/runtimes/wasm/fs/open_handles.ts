/** What one instance has open, and what a change of the tree means for it and for the quota. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { fail } from "./errors.ts";
import type { OpenDir, OpenFile } from "./handles.ts";
import type { Mount } from "./mount.ts";
import type { Entry } from "./resolve.ts";
import type { SharedState } from "./shared_state.ts";
import type { RawStat } from "./stat.ts";
import type { ExactTimes } from "./times.ts";

/** Whether a directory found at a path is the one that was opened. */
export const sameDir = (dir: OpenDir, found: RawStat): boolean =>
  dir.ino === found.ino && dir.dev === found.dev;

/** Charges a new directory entry to the mount's quota and makes it; a failed making is not charged. */
export function takeEntry<T>(mount: Mount, make: () => T): T {
  const charge = BigInt(wasmLimits.entryBytes);
  mount.quota?.take(charge);
  try {
    return make();
  } catch (error) {
    mount.quota?.give(charge);
    throw error;
  }
}

/** Open files and directories. Calls that change the tree's books are made inside the shared lock. */
export class OpenHandles {
  readonly #state: SharedState;
  readonly #times: ExactTimes;
  readonly #dirs = new Set<OpenDir>();
  readonly #files = new Set<OpenFile>();
  /** Removed files that are still open here, by identity: given back to the quota at the last close. */
  readonly #orphans = new Map<string, Mount>();

  /** `times`: what must forget a file when its last name goes. */
  constructor(state: SharedState, times: ExactTimes) {
    this.#state = state;
    this.#times = times;
  }

  /** Throws `EMFILE` when as much is open as may be. */
  checkRoom(): void {
    if (this.#files.size + this.#dirs.size >= wasmLimits.openFiles) fail("EMFILE");
  }
  /** Notes an open directory. */
  addDir(dir: OpenDir): void {
    this.#dirs.add(dir);
  }
  /** Forgets an open directory. */
  removeDir(dir: OpenDir): void {
    this.#dirs.delete(dir);
  }
  /** Notes an open file. */
  addFile(file: OpenFile): void {
    this.#files.add(file);
  }

  /** A directory was removed: descriptors of it are dead. */
  directoryRemoved(found: RawStat): void {
    this.#state.directoryChanged();
    for (const open of this.#dirs) if (sameDir(open, found)) open.removed = true;
  }

  /** A directory was renamed: descriptors of it and below it follow; those of a replaced one are dead. */
  directoryMoved(source: Entry, target: Entry): void {
    this.#state.directoryChanged();
    if (target.leaf !== null) this.directoryRemoved(target.leaf);
    const from = source.parts;
    for (const open of this.#dirs) {
      if (open.mount !== source.mount || open.removed || open.parts.length < from.length) continue;
      if (from.every((name, i) => open.parts[i] === name)) {
        open.parts = [...target.parts, ...open.parts.slice(from.length)];
      }
    }
  }

  /** A directory entry is gone; when it was the file's last, its bytes are free as soon as nobody has it open. */
  entryGone(mount: Mount, leaf: RawStat): void {
    mount.quota?.give(BigInt(wasmLimits.entryBytes));
    if (leaf.type === "directory" || leaf.nlink > 1) return;
    this.#times.forget(leaf);
    if (leaf.type !== "regular" || mount.quota === undefined) return;
    const identity = `${leaf.dev}:${leaf.ino}`;
    if (this.#isOpen(identity)) this.#orphans.set(identity, mount);
    else mount.quota.give(BigInt(leaf.size));
  }

  /** A file is about to be closed. */
  fileClosed(file: OpenFile): void {
    this.#files.delete(file);
    const mount = this.#orphans.get(file.identity);
    if (mount === undefined || this.#isOpen(file.identity)) return;
    this.#orphans.delete(file.identity);
    mount.quota?.give(file.size());
  }

  /** Bytes of removed files of a mount that are still open here. */
  orphanBytes(mount: Mount): bigint {
    let total = 0n;
    const counted = new Set<string>();
    for (const file of this.#files) {
      if (this.#orphans.get(file.identity) !== mount || counted.has(file.identity)) continue;
      counted.add(file.identity);
      total += file.size();
    }
    return total;
  }

  /** Closes all files and forgets all directories. */
  closeAll(): void {
    for (const file of [...this.#files]) {
      try {
        file.close();
      } catch { /* the descriptor is gone either way */ }
    }
    this.#dirs.clear();
  }

  #isOpen(identity: string): boolean {
    for (const file of this.#files) if (file.identity === identity) return true;
    return false;
  }
}
