/**
 * Content-defined chunking with a gear hash and normalised cut points. Source: Xia et al., "FastCDC: a Fast and
 * Efficient Content-Defined Chunking Approach for Data Deduplication", USENIX ATC 2016 (cut-point skipping §3.3,
 * normalised chunking §3.4 at level 2).
 *
 * Where content is cut depends on the last 32 bytes alone, so an insertion changes the chunks around it and no others.
 * The table and the masks are part of the storage format: other values would still be correct, but share nothing with
 * content chunked before.
 */
import { limits } from "../protocol/limits.ts";

/** 2^20 bytes is the normal size: level 2 asks for two bits more before it and two bits fewer after it. */
const STRICT_BITS = 22, LOOSE_BITS = 18;

/** 256 random words: splitmix32 from a fixed seed, so that every node cuts alike. */
export function gearTable(): Uint32Array {
  const table = new Uint32Array(256);
  let state = 0x5245414c; // "REAL"
  for (let i = 0; i < 256; i++) {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    table[i] = (z ^ (z >>> 15)) >>> 0;
  }
  return table;
}

/** Finds cut points in a stream that comes in pieces. */
export interface Chunker {
  /**
   * Looks at `piece` from `from` on. Returns where the present chunk ends (an index into `piece`, exclusive) and starts
   * the next chunk there, or `undefined` when the chunk goes on past the piece.
   */
  next(piece: Uint8Array, from: number): number | undefined;
}

/** A chunker at the start of a blob. */
export function createChunker(): Chunker {
  const { chunkMinBytes: min, chunkNormalBytes: normal, chunkMaxBytes: max } = limits;
  const gear = gearTable();
  const strictShift = 32 - STRICT_BITS, looseShift = 32 - LOOSE_BITS;
  let size = 0, hash = 0;
  return {
    next(piece, from) {
      let at = from;
      // Cut-point skipping: no chunk is shorter than `min`, so its bytes need no hashing; 32 bytes fill the window.
      if (size < min - 32) {
        const skip = Math.min(min - 32 - size, piece.length - at);
        at += skip;
        size += skip;
      }
      let h = hash;
      const start = at, before = size;
      const until = (bound: number) => Math.min(piece.length, start + Math.max(0, bound - before));
      for (const [bound, shift] of [[min, 0], [normal, strictShift], [max, looseShift]] as const) {
        const end = until(bound);
        for (; at < end; at++) {
          h = ((h << 1) + gear[piece[at]]) | 0;
          if (shift !== 0 && (h >>> shift) === 0) {
            size = hash = 0;
            return at + 1;
          }
        }
      }
      size = before + (at - start);
      hash = h;
      if (size < max) return undefined;
      size = hash = 0;
      return at;
    },
  };
}
