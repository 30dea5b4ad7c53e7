/** Bytes of small static files in memory, by digest: least recently used goes first, bounded by bytes. */

/** A bounded cache of byte arrays. */
export interface ContentCache {
  /** The bytes, which then count as just used. */
  get(key: string): Uint8Array<ArrayBuffer> | undefined;
  /** Keeps the bytes, letting go of the least recently used; content larger than the whole cache is not kept. */
  set(key: string, bytes: Uint8Array<ArrayBuffer>): void;
  /** Bytes held. */
  readonly bytes: number;
}

/** Makes an empty cache of at most `maxBytes`. */
export function createContentCache(maxBytes: number): ContentCache {
  const entries = new Map<string, Uint8Array<ArrayBuffer>>();
  let held = 0;
  let newest: string | undefined;
  return {
    get bytes() {
      return held;
    },
    get(key) {
      const bytes = entries.get(key);
      if (bytes !== undefined && key !== newest) {
        entries.delete(key);
        entries.set(key, bytes);
        newest = key;
      }
      return bytes;
    },
    set(key, bytes) {
      if (bytes.length > maxBytes) return;
      held -= entries.get(key)?.length ?? 0;
      entries.delete(key);
      entries.set(key, bytes);
      newest = key;
      held += bytes.length;
      for (const [oldest, old] of entries) {
        if (held <= maxBytes) break;
        entries.delete(oldest);
        held -= old.length;
      }
    },
  };
}
