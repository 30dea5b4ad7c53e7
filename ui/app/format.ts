/** Figures and words for people. */
import { tomlLines } from "./toml/write.ts";

/** `1.2 GB`, decimal units as on the command line. */
export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}
/** MiB as bytes. */
export const mebibytes = (n: number): string => bytes(n * 1_048_576);

/** `3 s`, `5 min`, `2 h`, `4 d`. */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.round(s / 60)} min`;
  if (s < 172_800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

/** A stretch of time that was measured: `340 ms`, `2.5 s`, then as {@link span}. */
export const duration = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : span(ms);

/** Characters that show nothing and can make a text look like another: controls, turns of direction, empty spaces. */
// deno-lint-ignore no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
/** A text with everything that hides made visible: `\u202e` for a turn of direction. */
export const plain = (text: string): string =>
  text.replace(UNSEEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** As {@link plain}, for a text of several lines. */
export const plainLines = (text: string): string => text.split("\n").map(plain).join("\n");

/** A word of a command line as a POSIX shell takes it, whatever is in it. */
export const quote = (word: string): string =>
  /^[A-Za-z0-9._@%:/=+][A-Za-z0-9._@%:/=+-]*$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** What a state means for the eye. */
export function tone(state: string): "good" | "warn" | "bad" | "calm" {
  if (/^(alive|active|healthy|steady|ok|accepted|current|open|running|succeeded|done)$/.test(state)) {
    return "good";
  }
  if (
    /^(unreachable|failed|refused|unhealthy|rejected|missing|rolled_back|revoked|expired|lost|timed_out|error|failing|invalid|no answer|node unreachable|aborted)$/
      .test(state)
  ) {
    return "bad";
  }
  if (
    /^(suspect|degraded.*|.*warnings?|rolling|cordoned|draining|fetching|verifying|starting|stopping|pending|offered|preparing|paused|skipped|downloading|switching|probation)$/
      .test(
        state,
      )
  ) {
    return "warn";
  }
  return "calm";
}

/** `1 node`, `3 nodes`; `many`: the plural of a word that does not get an s. */
export const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** Bytes per second for people. */
export const rate = (bytesPerSecond: number): string => `${bytes(bytesPerSecond)}/s`;

/** A table of a manifest; entries that are `undefined` are left out. */
export const table = (name: string, entries: Readonly<Record<string, unknown>>): string =>
  `[${name}]\n` + tomlLines(Object.fromEntries(Object.entries(entries).filter(([, v]) => v !== undefined)));
