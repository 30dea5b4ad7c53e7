/** Token buckets per key, with a bound on the keys remembered. */
import type { Clock } from "../ports.ts";

/** Counts events of many keys against one rate. */
export interface RateLimit {
  /** Takes one token of `key`; false when none is left. */
  take(key: string): boolean;
  /** Forgets `key`. */
  forget(key: string): void;
}

/** At most `burst` events at once and `perSecond` on average, for each of at most `keys` keys (oldest forgotten). */
export function createRateLimit(
  clock: Clock,
  rate: { readonly perSecond: number; readonly burst: number; readonly keys: number },
): RateLimit {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take(key) {
      const now = clock.monotonic();
      const known = buckets.get(key);
      const bucket = known ?? { tokens: rate.burst, at: now };
      bucket.tokens = Math.min(rate.burst, bucket.tokens + (now - bucket.at) / 1000 * rate.perSecond);
      bucket.at = now;
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > rate.keys) buckets.delete(buckets.keys().next().value!);
      if (bucket.tokens < 1) return false;
      bucket.tokens -= 1;
      return true;
    },
    forget: (key) => void buckets.delete(key),
  };
}

/** The part of a multiaddr that names one customer of an access provider: an IPv4 address or an IPv6 /64. */
export function originOf(address: string): string {
  const v4 = /^\/ip4\/([^/]+)/.exec(address);
  if (v4) return v4[1];
  const v6 = /^\/ip6(?:zone\/[^/]+\/ip6)?\/([^/]+)/.exec(address);
  if (!v6) return address.split("/").slice(0, 3).join("/");
  if (v6[1].startsWith("::ffff:") && v6[1].includes(".")) return v6[1].slice(7);
  const [head, tail = ""] = v6[1].split("::");
  const left = head === "" ? [] : head.split(":"), right = tail === "" ? [] : tail.split(":");
  const full = v6[1].includes("::")
    ? [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right]
    : left;
  return full.slice(0, 4).join(":") + "::/64";
}
