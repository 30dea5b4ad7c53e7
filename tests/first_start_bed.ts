/** What tests of portable files ask of a first start, whatever unpacks it. */
import assert from "node:assert/strict";

/** What a start printed and how it ended. */
interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What starts left in a cache directory, but for the runtime's own. */
export const cached = (directory: string): string[] =>
  [...Deno.readDirSync(directory)].map(({ name }) => name).filter((name) => name !== "deno").sort();

/** It ended before the program started, with one sentence that matches. */
export function refused(ran: Ran, sentence: RegExp): void {
  assert.equal(ran.code, 126, ran.stdout + ran.stderr);
  assert.equal(ran.stdout, "");
  assert.match(ran.stderr, /^realm: [^\n]+\n$/);
  assert.match(ran.stderr, sentence);
}
