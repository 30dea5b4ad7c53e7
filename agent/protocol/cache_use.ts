/** What an attempt had of its build cache. */
import * as v from "valibot";
import { jobLimits } from "./job_limits.ts";

const key = v.pipe(v.string(), v.minLength(1), v.maxLength(jobLimits.cacheKeyChars));
const bytes = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));

/** See {@link CacheUse}. */
export const CacheUseSchema = v.strictObject({
  key,
  restored: v.optional(v.strictObject({ key, bytes })),
  kept_bytes: v.optional(bytes),
});
/** What an attempt had of its build cache. */
export interface CacheUse {
  /** Key that it asked for. */
  key: string;
  /** What was found and restored: another key begins as `restore_keys` say. */
  restored?: { key: string; bytes: number } | undefined;
  /** Size of what was kept under its key at its end. */
  kept_bytes?: number | undefined;
}

/** In words; `size` says bytes for people. */
export function cacheText(
  { key, restored, kept_bytes: kept }: CacheUse,
  size: (bytes: number) => string,
): string {
  const found = !restored
    ? "nothing restored"
    : restored.key === key
    ? `hit, ${size(restored.bytes)} restored`
    : `${size(restored.bytes)} restored of ${restored.key}`;
  return `${key}: ${found}${kept === undefined ? "" : `, ${size(kept)} kept`}`;
}
