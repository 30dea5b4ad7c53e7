/**
 * The language between an agent and a warden, and the files by which the next agent finds it. A warden outlives its
 * agent, and may be of an earlier version than the next one: what stands here changes only so that both still understand
 * each other.
 */
import { encodeFrame } from "../../frames.ts";
import type { ProgramSpec } from "../../program.ts";
import type { SandboxLevel } from "../../../protocol/policy.ts";

/** Types of frames. `id` is the run's number, which the agent chooses. */
export const word = {
  /** To the warden, first of all: JSON {@link Hello}. */
  hello: 1,
  /** To the warden: JSON {@link StartWish}. */
  start: 2,
  /** To the warden: JSON {@link Positions}: tell output from there on. */
  follow: 3,
  /** To the warden: JSON {@link Positions}: up to there output is kept elsewhere. */
  kept: 4,
  /** To the warden: JSON `{ graceMs }`. */
  stop: 5,
  /** To the warden: the run's end is known; nothing of it is needed any more. */
  release: 6,
  /** From the warden: JSON {@link Here}, the answer to `hello`. */
  here: 16,
  /** From the warden: the program runs. */
  started: 17,
  /** From the warden: JSON `{ code, message }`: it cannot be started. */
  refused: 18,
  /** From the warden: see {@link outputFrame}. */
  output: 19,
  /** From the warden: JSON `{ rssBytes, cpuMs }`, now and then. */
  stats: 20,
  /** From the warden: JSON `ExitReport`, after all output. */
  exit: 21,
} as const;

/** What an agent says first. */
export interface Hello {
  readonly token: string;
}

/** Streams of a program. */
export const streams = ["stdout", "stderr"] as const;
/** See {@link streams}. */
export type Stream = typeof streams[number];
/** Bytes of each stream since its start. */
export type Positions = Readonly<Record<Stream, number>>;

/** What to start. */
export interface StartWish {
  readonly level: SandboxLevel;
  /** As JSON has it: no time limit is no number there. */
  readonly spec: Omit<ProgramSpec, "stdin" | "timeoutMs"> & { readonly timeoutMs: number | null };
  /** A file of the machine that is its stdin. */
  readonly stdin?: string;
}

/** A run that a warden has. */
export interface HeldRun {
  readonly number: number;
  readonly id: string;
  readonly level: SandboxLevel;
  /** See `ProgramSpec.memo`. */
  readonly memo?: string;
}

/** What a warden has. */
export interface Here {
  readonly version: string;
  readonly runs: readonly HeldRun[];
}

/** How a warden is found; only the agent's user may read it. */
export interface WardenFile {
  readonly pid: number;
  readonly startedAt: number;
  readonly version: string;
  /** Who knows it may talk to the warden: a program that it started has no way to read it. */
  readonly token: string;
}

/** Names in a warden's directory. */
export const wardenFiles = { file: "warden.json", socket: "socket", ended: ".ended" } as const;

/** What a warden writes to its stdout when it can be reached. */
export const READY = "ready";

/** Directory below which each warden has its own. */
export const wardensDirectory = (dataDir: string): string => `${dataDir}/native/wardens`;

/** Bytes in front of a frame's output. */
const OUTPUT_HEAD = 17;

/** Output: number of its stream, where in that it ends, when it was read, and the bytes. */
export function outputFrame(
  run: number,
  stream: Stream,
  end: number,
  at: number,
  bytes: Uint8Array,
): Uint8Array {
  const payload = new Uint8Array(OUTPUT_HEAD + bytes.length);
  const view = new DataView(payload.buffer);
  view.setUint8(0, streams.indexOf(stream));
  view.setFloat64(1, end, true);
  view.setFloat64(9, at, true);
  payload.set(bytes, OUTPUT_HEAD);
  return encodeFrame(word.output, run, payload);
}

/** Takes {@link outputFrame}'s payload apart. */
export function outputOf(
  payload: Uint8Array,
): { readonly stream: Stream; readonly end: number; readonly at: number; readonly bytes: Uint8Array } {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return {
    stream: streams[view.getUint8(0)],
    end: view.getFloat64(1, true),
    at: view.getFloat64(9, true),
    bytes: payload.subarray(OUTPUT_HEAD),
  };
}
