/** What happened in the realm as this node noticed it: kept within bounds, also over a restart, with live followers. */
import type { Database } from "../platform/mod.ts";
import { type EventView, monitorLimits } from "../protocol/mod.ts";

const SCHEMA =
  "CREATE TABLE IF NOT EXISTS happened (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, topic TEXT NOT NULL, what TEXT NOT NULL, target TEXT, severity TEXT)";
/** Events wait this long for others, so that one flush of the disk serves many. A crash loses no more than these. */
const STORE_MS = 5_000;

/** See the module's text. */
export class Events implements Disposable {
  readonly #kept: EventView[] = [];
  /** By topic, that something changed: for followers that read views anew, not for memory. */
  readonly #changed = new Map<string, EventView>();
  readonly #wakes = new Set<() => void>();
  readonly #database: Database;
  #n: number;
  /** Events up to this number are stored. */
  #stored: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(database: Database, now: number) {
    this.#database = database;
    database.sqlite.exec(SCHEMA);
    type Row = Omit<EventView, "target" | "severity"> & { target: string | null; severity: string | null };
    const rows = database.sqlite.prepare("SELECT * FROM happened ORDER BY n DESC LIMIT ?")
      .all(monitorLimits.events) as unknown as Row[];
    for (const { n, at, topic, what, target, severity } of rows.reverse()) {
      this.#kept.push({
        n,
        at,
        topic,
        what,
        ...(target === null ? {} : { target }),
        ...(severity === null ? {} : { severity: severity as "warning" | "error" }),
      });
    }
    // Numbers start from the clock, above all that were given before: a reader that comes back misses nothing.
    this.#stored = this.#n = Math.max(now, this.#kept.at(-1)?.n ?? 0);
  }

  /** Something happened. */
  emit(topic: string, what: string, target?: string, severity?: EventView["severity"]): void {
    this.#kept.push({
      n: ++this.#n,
      at: Date.now(),
      topic,
      what,
      ...(target === undefined ? {} : { target }),
      ...(severity === undefined ? {} : { severity }),
    });
    const over = this.#kept.length - monitorLimits.events;
    // Many at once: a shift of the whole memory for each event would be most of the work.
    if (over > monitorLimits.events / 10) this.#kept.splice(0, over);
    this.#timer ??= setTimeout(() => this.#store(), STORE_MS);
    Deno.unrefTimer(this.#timer);
    this.#wake();
  }

  /** Views of a topic must be read anew. */
  changed(topic: string): void {
    this.#changed.set(topic, { n: ++this.#n, at: Date.now(), topic, what: "changed" });
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }

  #store(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const fresh = this.#since(this.#stored);
    if (fresh.length === 0) return;
    try {
      this.#database.transaction(() => {
        const insert = this.#database.sqlite.prepare(
          "INSERT OR REPLACE INTO happened VALUES (?, ?, ?, ?, ?, ?)",
        );
        for (const e of fresh) insert.run(e.n, e.at, e.topic, e.what, e.target ?? null, e.severity ?? null);
        const oldest = this.#kept.at(-monitorLimits.events)?.n;
        if (oldest !== undefined) {
          this.#database.sqlite.prepare("DELETE FROM happened WHERE n < ?").run(oldest);
        }
      }, "later");
      this.#stored = fresh.at(-1)!.n;
    } catch { /* A full disk: they stay in memory, and are stored with the next ones. */ }
  }

  #since(n: number): EventView[] {
    const first = this.#kept.findLastIndex((e) => e.n <= n) + 1;
    return this.#kept.slice(first);
  }

  /** The newest events, oldest first. */
  past(limit: number): readonly EventView[] {
    return limit === 0 ? [] : this.#kept.slice(-Math.min(limit, monitorLimits.events));
  }

  /** Events after number `after` as far as remembered, then new ones until aborted. */
  async *read(after: number | undefined, signal: AbortSignal): AsyncGenerator<EventView> {
    let last = after ?? this.#n;
    let wake: (() => void) | undefined;
    const onWake = () => wake?.();
    this.#wakes.add(onWake);
    signal.addEventListener("abort", onWake);
    try {
      while (!signal.aborted) {
        const changed = [...this.#changed.values()].filter((e) => e.n > last);
        const fresh = [...this.#since(last), ...changed].sort((a, b) => a.n - b.n);
        for (const event of fresh) {
          last = event.n;
          yield event;
        }
        if (fresh.length === 0 && !signal.aborted) await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      this.#wakes.delete(onWake);
      signal.removeEventListener("abort", onWake);
    }
  }

  [Symbol.dispose](): void {
    this.#store();
  }
}
