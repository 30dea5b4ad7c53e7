/** What happened in the realm as this node noticed it: a bounded memory and live followers. */
import type { EventView } from "../protocol/mod.ts";

/** Events remembered for readers that come back. */
const MEMORY = 2_000;

/** See the module's text. */
export class Events {
  readonly #events: EventView[] = [];
  readonly #wakes = new Set<() => void>();
  #n = 0;

  /** Something happened. */
  emit(topic: string, what: string, target?: string): void {
    this.#events.push({
      n: ++this.#n,
      at: Date.now(),
      topic,
      what,
      ...(target === undefined ? {} : { target }),
    });
    if (this.#events.length > MEMORY) this.#events.splice(0, this.#events.length - MEMORY);
    for (const wake of this.#wakes) wake();
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
        const fresh = this.#events.filter((e) => e.n > last);
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
}
