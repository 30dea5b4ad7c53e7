/** Token buckets by address: how often one client may ask. */

/** A bounded table of buckets. */
export interface RateTable {
  /** Takes one token of `address`; `false` when it has none left. */
  take(address: string, nowMs: number): boolean;
}

/**
 * Buckets that hold `burst` tokens and gain `perSecond`. At most `addresses` are remembered: the one longest unseen
 * gives way, which at worst gives its address a full bucket again.
 */
export function createRateTable(perSecond: number, burst: number, addresses: number): RateTable {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take(address, nowMs) {
      const bucket = buckets.get(address) ?? { tokens: burst, at: nowMs };
      const gained = Math.max(0, nowMs - bucket.at) / 1_000 * perSecond;
      const tokens = Math.min(burst, bucket.tokens + gained);
      const granted = tokens >= 1;
      buckets.delete(address);
      if (buckets.size >= addresses) buckets.delete(buckets.keys().next().value!);
      buckets.set(address, { tokens: granted ? tokens - 1 : tokens, at: nowMs });
      return granted;
    },
  };
}
