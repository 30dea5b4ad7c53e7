/** Timers of a simulation, in the order of their times and, at one time, of their making: a binary heap. */

interface Timer {
  readonly at: number;
  readonly n: number;
  readonly run: () => void;
}

const before = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.n < b.n);

/** See the module's text. */
export class Timers {
  readonly #heap: Timer[] = [];
  #n = 0;

  add(at: number, run: () => void): void {
    const timer = { at: Math.ceil(at), n: this.#n++, run };
    const heap = this.#heap;
    heap.push(timer);
    for (let i = heap.length - 1; i > 0;) {
      const parent = (i - 1) >> 1;
      if (before(heap[parent], timer)) break;
      heap[i] = heap[parent];
      heap[parent] = timer;
      i = parent;
    }
  }

  /** The first, taken out, when its time is `until` or earlier. */
  take(until: number): { readonly at: number; readonly run: () => void } | undefined {
    return this.#heap.length > 0 && this.#heap[0].at <= until ? this.#pop() : undefined;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length > 0 && last) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
        if (before(last, heap[child])) break;
        heap[i] = heap[child];
        i = child;
      }
      heap[i] = last;
    }
    return top;
  }
}
