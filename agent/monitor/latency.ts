/** Percentiles from histograms. */

/**
 * The value in milliseconds below which a share of all observations lies, within its bucket by linear interpolation.
 * `counts[i]` observations were at most `bounds[i]`, one more count for the rest; NaN without observations.
 */
export function percentile(bounds: readonly number[], counts: readonly number[], share: number): number {
  const total = counts.reduce((n, c) => n + c, 0);
  if (total === 0) return NaN;
  let seen = 0;
  for (let i = 0; i < bounds.length; i++) {
    const next = seen + counts[i];
    if (next >= share * total && counts[i] > 0) {
      const low = i === 0 ? 0 : bounds[i - 1];
      return low + (bounds[i] - low) * Math.min(1, Math.max(0, (share * total - seen) / counts[i]));
    }
    seen = next;
  }
  return bounds[bounds.length - 1];
}
