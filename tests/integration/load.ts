/** Constant load of safe requests, counted. */
import { fetchApp } from "../cluster.ts";

/** What became of the requests. */
export interface Load {
  readonly requests: number;
  readonly failures: readonly string[];
  /** Distinct bodies or what `classify` made of them, with counts. */
  readonly seen: ReadonlyMap<string, number>;
  /** Longest answer in ms. */
  readonly slowestMs: number;
}

/** Sends requests from `connections` loops until stopped. */
export function startLoad(
  gateway: string,
  app: string,
  connections = 8,
  classify: (text: string) => string = () => "ok",
): () => Promise<Load> {
  let running = true, requests = 0, slowestMs = 0;
  const failures: string[] = [];
  const seen = new Map<string, number>();
  const loops = Array.from({ length: connections }, async () => {
    while (running) {
      const started = performance.now();
      try {
        const response = await fetchApp(gateway, app, "/", { signal: AbortSignal.timeout(20_000) });
        const text = await response.text();
        if (response.status !== 200) failures.push(`${response.status} ${text.slice(0, 100)}`);
        const kind = classify(text);
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      } catch (error) {
        failures.push(String(error));
      }
      requests++;
      slowestMs = Math.max(slowestMs, performance.now() - started);
      // Constant, not maximal: the nodes under test share the machine.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  return async () => {
    running = false;
    await Promise.all(loops);
    return { requests, failures, seen, slowestMs };
  };
}
