/** The gateway's counters as figures: since the start, and since the last look. */
import { type AppMetrics, latencyBounds } from "../gateway/mod.ts";
import { percentile } from "../monitor/mod.ts";
import type { AppMetricsView } from "../protocol/mod.ts";

/** Answers that were the app's or the realm's fault. */
export const failures = (m: AppMetrics): number =>
  Object.entries(m.errors).reduce(
    (n, [kind, count]) => kind === "client" || kind === "aborted" ? n : n + count,
    0,
  );

/** Figures since the node started. */
export function metricsView(found: AppMetrics | undefined): AppMetricsView | undefined {
  if (!found) return undefined;
  const { counts } = found.latency;
  const at = (share: number) => Math.round((percentile(latencyBounds, counts, share) || 0) * 10) / 10;
  return {
    requests: found.requests,
    errors: failures(found),
    in_flight: found.inFlight,
    p50_ms: at(0.5),
    p99_ms: at(0.99),
  };
}

/** What happened between two looks at the same app; counters that went back were started anew. */
export function between(before: AppMetrics | undefined, now: AppMetrics, seconds: number) {
  const old = before && before.requests <= now.requests ? before : undefined;
  const counts = now.latency.counts.map((c, i) => Math.max(0, c - (old?.latency.counts[i] ?? 0)));
  const rate = (n: number, m: number | undefined) => Math.max(0, n - (m ?? 0)) / seconds;
  return {
    requests_per_s: rate(now.requests, old?.requests),
    errors_per_s: rate(failures(now), old && failures(old)),
    in_flight: now.inFlight,
    p50_ms: percentile(latencyBounds, counts, 0.5),
    p99_ms: percentile(latencyBounds, counts, 0.99),
    bytes_out_per_s: rate(now.bytesOut, old?.bytesOut),
  };
}
