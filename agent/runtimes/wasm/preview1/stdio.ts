/** Standard streams as the preview 1 host uses them. */

/** Where stdin comes from. Calls may block the thread. */
export interface ByteSource {
  /** Waits for at least one byte and reads up to `into.length`; 0 only at the end. */
  read(into: Uint8Array): number;
  /** Waits up to `timeoutMs` (0: not at all, `Infinity`: for ever) until something can be read or the end is known. */
  wait(timeoutMs: number): SourceState;
}

/** What a {@link ByteSource} has ready. */
export interface SourceState {
  /** Bytes that can be read at once. */
  readonly available: number;
  /** Nothing comes after those. */
  readonly ended: boolean;
}

/** Takes output. `bytes` is a view of guest memory: copy it before returning. What it throws ends the guest. */
export type ByteSink = (bytes: Uint8Array) => void;

/** A source with nothing in it. */
export const emptySource: ByteSource = {
  read: () => 0,
  wait: () => ({ available: 0, ended: true }),
};

/** A source of bytes that are all there. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  let at = 0;
  return {
    read(into) {
      const part = bytes.subarray(at, at + into.length);
      into.set(part);
      at += part.length;
      return part.length;
    },
    wait: () => ({ available: bytes.length - at, ended: true }),
  };
}
