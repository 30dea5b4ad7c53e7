/** The clockwork: takes a sample at each full interval, keeps the last ones in memory, stores them once a minute. */
import { monitorLimits } from "../protocol/mod.ts";
import type { Figures, Kind } from "./figures.ts";
import { openSamples, type SampleDatabase, type Subject } from "./samples.ts";
import { type Grid, type Series, seriesOf, sorted, type Stored } from "./series.ts";

/** What one look at this node gives. */
export interface Samples {
  readonly node: Figures;
  /** By app, the busiest first; at most `monitorLimits.apps` are kept. */
  readonly apps: Iterable<readonly [string, Figures]>;
}

/** What a monitor needs. */
export interface MonitorOptions {
  readonly database: SampleDatabase;
  readonly now: () => number;
  /** Called once per interval; rates are since the last call. */
  readonly sample: () => Samples;
  /** Told when samples cannot be stored: a full disk. They are kept in memory as far as they fit. */
  readonly onFailure: (error: unknown) => void;
}

/** A running monitor. */
export interface Monitor extends Disposable {
  /** Figures of this node (`subject` is ignored) or of an app here. */
  read(kind: Kind, subject: string, on: Grid): Series;
  /** Takes a sample now, as the clockwork does. */
  take(): void;
  /** Stores what waits. */
  flush(): void;
}

/** Samples per subject that wait at most, when they cannot be stored. */
const WAITING = 36;

/** Starts it. */
export function createMonitor({ database, now, sample, onFailure }: MonitorOptions): Monitor {
  const table = openSamples(database);
  const { sampleMs, flushMs, apps } = monitorLimits;
  const waiting = new Map<Subject, Stored[]>();
  let flushedAt = now(), timer: ReturnType<typeof setTimeout> | undefined, ended = false;

  const keep = (subject: Subject, at: number, figures: Figures) => {
    const list = waiting.get(subject) ?? [];
    waiting.set(subject, list);
    list.push({ at, figures });
    if (list.length > WAITING) list.shift();
  };
  const take = () => {
    // The interval that just ended, by the wall clock's marks, so that all nodes' samples fall together.
    const at = Math.round(now() / sampleMs) * sampleMs - sampleMs;
    const { node, apps: list } = sample();
    keep("node", at, node);
    let n = 0;
    for (const [app, figures] of list) if (n++ < apps) keep(`app/${app}`, at, figures);
  };
  const flush = () => {
    flushedAt = now();
    if (waiting.size === 0) return;
    try {
      table.store(waiting, now());
      waiting.clear();
    } catch (error) {
      onFailure(error);
    }
  };
  const turn = () => {
    try {
      take();
    } catch (error) {
      onFailure(error);
    }
    if (now() - flushedAt >= flushMs) flush();
    wind();
  };
  const wind = () => {
    if (ended) return;
    timer = setTimeout(turn, sampleMs - now() % sampleMs);
    Deno.unrefTimer(timer);
  };
  wind();
  return {
    read(kind, subject, on) {
      const name = kind === "node" ? "node" : `app/${subject}`;
      const to = on.from + on.count * on.stepMs;
      const found = table.read(name, on.coarse, on.from, to);
      // What waits is newer than what is stored; a coarse reader gets its running interval from it.
      return seriesOf(kind, sorted(kind, [...found, ...waiting.get(name) ?? []], on));
    },
    take,
    flush,
    [Symbol.dispose]() {
      ended = true;
      clearTimeout(timer);
      flush();
    },
  };
}
