/** Bounds of secrets, each with its reason. */

/** See the module's text. */
export const secretLimits = {
  /**
   * Bytes of one value: keys, certificates and tokens are smaller by far; sealed and with its boxes it must fit into one
   * command.
   */
  valueBytes: 16 * 1024,
  /** A shorter value is guessed at once, and every log would be full of what looks like it. */
  valueMinBytes: 4,
  /** Values are filled up to a multiple of this before they are sealed, so that their length tells little. */
  padBytes: 64,
  /** Secrets of one realm: every node keeps all of them, sealed. */
  secrets: 1_000,
  /** Secrets of one job. */
  perJob: 64,
  /** Patterns of one list of a scope. */
  patterns: 32,
  /** Characters of one pattern. */
  patternChars: 128,
  /** Nodes to which the command itself seals; holders seal to the others. */
  commandBoxes: 64,
  /** Boxes in one holder's record: it must fit into one record. */
  recordBoxes: 2_000,
  /** Boxes that a node makes in one go: each takes some milliseconds, in which it does nothing else. */
  boxesAtOnce: 10,
  /** A shell that did not answer a wish for boxes within this is asked again. */
  sealMs: 10_000,
  /** The first holder in line seals at once, the next ones this much later each: the first may be gone. */
  turnMs: 5_000,
  /** Holders in line for one node. */
  turns: 8,
} as const;
