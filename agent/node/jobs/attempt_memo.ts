/** What the next agent must know of an attempt whose program goes on without one; it travels with the program. */
import type { OutputPositions, Survivor } from "../../runtimes/mod.ts";
import type { CacheState } from "./build_cache.ts";

/** See the module's text. */
export interface AttemptMemo {
  readonly kind: "attempt";
  readonly run: string;
  readonly attempt: string;
  readonly epoch: number;
  /** Which of its steps runs, from 0. */
  readonly step: number;
  /** When its first program started. */
  readonly startedAt: number;
  /** What the steps before this one used. */
  readonly cpuMs: number;
  readonly peakBytes: number;
  /** Where in its log this step's output begins. */
  readonly base: OutputPositions;
  readonly fetched: number;
  readonly commits?: Readonly<Record<string, string>>;
  readonly cache?: CacheState;
}

/** An attempt that can be taken over. */
export interface Adoption {
  readonly memo: AttemptMemo;
  readonly survivor: Survivor;
}

/** The attempt, or the replica of a service, that a program is of. */
export function ownerOf({ memo }: Survivor): string {
  const owner = JSON.parse(memo) as AttemptMemo | { readonly kind: "replica"; readonly replica: string };
  return owner.kind === "attempt" ? owner.attempt : owner.replica;
}

/** Those among survivors, by the attempt's id; of several steps the last. The steps before it are forgotten. */
export function adoptions(survivors: readonly Survivor[]): Map<string, Adoption> {
  const found = new Map<string, Adoption>();
  for (const survivor of survivors) {
    const memo = JSON.parse(survivor.memo) as AttemptMemo | { readonly kind: "replica" };
    if (memo.kind !== "attempt") continue;
    const other = found.get(memo.attempt);
    if (other && other.memo.step > memo.step) void survivor.end();
    else {
      void other?.survivor.end();
      found.set(memo.attempt, { memo, survivor });
    }
  }
  return found;
}
