/** Output of one run that nobody has kept yet: bounded, so that a program waits when nobody takes it. */
import { type Positions, type Stream, streams } from "./words.ts";

/** Some of it. */
export interface Piece {
  readonly stream: Stream;
  readonly at: number;
  /** Where in its stream it ends. */
  readonly end: number;
  readonly bytes: Uint8Array;
}

/** See the module's text. */
export class KeptOutput {
  #pieces: Piece[] = [];
  readonly #written: Record<Stream, number> = { stdout: 0, stderr: 0 };
  #bytes = 0;
  #limit: number;
  #wakes: (() => void)[] = [];

  /** `limit`: bytes from which on the program waits. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Changes the limit. */
  set limit(bytes: number) {
    this.#limit = bytes;
    this.#wake();
  }

  /** What is not kept elsewhere. */
  get pieces(): readonly Piece[] {
    return this.#pieces;
  }

  /** Takes in what the program wrote. */
  push(stream: Stream, at: number, bytes: Uint8Array): Piece {
    const piece = { stream, at, bytes, end: this.#written[stream] += bytes.length };
    this.#pieces.push(piece);
    this.#bytes += bytes.length;
    return piece;
  }

  /** Up to there it is kept elsewhere. A piece of which a part is kept is cut. */
  drop(kept: Positions): void {
    this.#pieces = this.#pieces.flatMap((piece) => {
      const left = Math.min(piece.bytes.length, piece.end - kept[piece.stream]);
      if (left <= 0) return [];
      return left === piece.bytes.length
        ? [piece]
        : [{ ...piece, bytes: piece.bytes.subarray(piece.bytes.length - left) }];
    });
    this.#bytes = this.#pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#wake();
  }

  /** `undefined` when there is room for more; else resolves when there is. */
  room(): Promise<void> | undefined {
    if (this.#bytes < this.#limit) return undefined;
    return new Promise((resolve) => this.#wakes.push(resolve));
  }

  #wake(): void {
    if (this.#bytes >= this.#limit) return;
    for (const wake of this.#wakes.splice(0)) wake();
  }

  /** As text, to be written down. */
  toJson(): readonly (readonly [stream: number, at: number, end: number, base64: string])[] {
    return this.#pieces.map((
      { stream, at, end, bytes },
    ) => [streams.indexOf(stream), at, end, bytes.toBase64()]);
  }
}
