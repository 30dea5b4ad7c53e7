/**
 * Byte quota of a mount. Counts apparent file sizes and a fixed charge per entry (so that empty files are not free).
 * The count is made once by walking the tree, then kept by adding and subtracting; when a write would not fit, it is
 * made again at most once per {@link wasmLimits.quotaRecountMs}, which mends any drift.
 *
 * Space of a file that was removed while this instance has it open is given back when it is closed. An instance
 * does not see what others have open: space of a file that another instance still holds is given back at once.
 */
import { wasmLimits } from "../../../protocol/limits.ts";
import { fail } from "./errors.ts";
import { UNKNOWN_USAGE } from "./shared_state.ts";
import type { SharedState } from "./shared_state.ts";

/** Bytes below `host`, as quotas count them. */
export function countUsage(host: string): bigint {
  let total = 0n;
  const seen = new Set<string>();
  const pending = [host];
  while (pending.length > 0) {
    const directory = pending.pop()!;
    for (const entry of readDirOrNothing(directory)) {
      const path = `${directory}/${entry.name}`;
      total += BigInt(wasmLimits.entryBytes);
      if (entry.isDirectory) pending.push(path);
      else if (entry.isFile) {
        const info = statOrNothing(path);
        if (info === undefined) continue;
        if ((info.nlink ?? 1) > 1) {
          const key = `${info.dev}:${info.ino}`;
          if (seen.has(key)) continue;
          seen.add(key);
        }
        total += BigInt(info.size);
      }
    }
  }
  return total;
}

/** What a mount may hold. */
export class Quota {
  readonly #limit: bigint;
  readonly #host: string;
  readonly #mount: number;
  readonly #state: SharedState;
  #recountedAt = -Infinity;
  #unlisted: () => bigint = () => 0n;

  /** `mount`: the mount's index in `state`. */
  constructor(limit: number, host: string, mount: number, state: SharedState) {
    this.#limit = BigInt(limit);
    this.#host = host;
    this.#mount = mount;
    this.#state = state;
  }

  /** `bytes`: what is stored although no directory lists it any more; added to every count. */
  countAlso(bytes: () => bigint): void {
    this.#unlisted = bytes;
  }

  /** Takes `bytes` or throws `ENOSPC`. Inside the lock. */
  take(bytes: bigint): void {
    if (bytes <= 0n) return;
    let used = this.#used();
    if (used + bytes > this.#limit) {
      const now = performance.now();
      if (now - this.#recountedAt >= wasmLimits.quotaRecountMs) {
        this.#recountedAt = now;
        used = countUsage(this.#host) + this.#unlisted();
        this.#state.setUsage(this.#mount, used);
      }
      if (used + bytes > this.#limit) fail("ENOSPC", "the mount's quota is used up");
    }
    this.#state.setUsage(this.#mount, used + bytes);
  }

  /** Gives `bytes` back. Inside the lock. */
  give(bytes: bigint): void {
    if (bytes <= 0n) return;
    const used = this.#used();
    this.#state.setUsage(this.#mount, used > bytes ? used - bytes : 0n);
  }

  /** Bytes used and allowed. */
  get figures(): { readonly used: bigint; readonly limit: bigint } {
    return { used: this.#used(), limit: this.#limit };
  }

  #used(): bigint {
    const used = this.#state.usage(this.#mount);
    if (used !== UNKNOWN_USAGE) return used;
    const counted = countUsage(this.#host) + this.#unlisted();
    this.#state.setUsage(this.#mount, counted);
    return counted;
  }
}

function readDirOrNothing(path: string): Iterable<Deno.DirEntry> {
  try {
    return [...Deno.readDirSync(path)];
  } catch {
    return [];
  }
}
function statOrNothing(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch {
    return undefined;
  }
}
