/** What a launcher is told: everything that it does before it becomes the program. Sent as JSON on its stdin. */

/** What of the network a program may use. `connect`: TCP to these ports; `bind`: TCP servers at these. */
export type NetworkRule =
  | "none"
  | "full"
  | { readonly connect: readonly number[]; readonly bind?: readonly number[] };

/** Trees of files by what may be done with them; what is named nowhere cannot be opened. */
export interface FileRules {
  /** Read and execute. */
  readonly execute: readonly string[];
  readonly read: readonly string[];
  /** Everything but devices. */
  readonly write: readonly string[];
}

/** A directory or file of the machine that appears in a private file view. */
export interface Bind {
  /** On the machine. */
  readonly from: string;
  /** In the view; absolute. */
  readonly to: string;
  readonly readOnly: boolean;
}

/** A private view of files: a directory becomes `/`, and what is named appears in it. */
export interface FileView {
  /** On the machine. */
  readonly root: string;
  readonly binds: readonly Bind[];
  /** Names in `/` that are links, as on the machine: `bin` → `usr/bin`. */
  readonly links: Readonly<Record<string, string>>;
}

/** Limits of one process (setrlimit(2)); bytes or numbers. */
export interface ProcessLimits {
  readonly openFiles: number;
  readonly processes?: number;
  readonly fileBytes?: number;
  readonly dataBytes?: number;
}

/** See the module's text. Paths are as the launcher sees them after `view` was made, but those of `cgroups` and `view`. */
export interface LaunchOrder {
  /** Marks the launcher's own words on stderr; the program cannot know it. */
  readonly nonce: string;
  /** The program and its arguments. */
  readonly argv: readonly string[];
  /** What is started in front of it, to start it in turn; may be empty. */
  readonly before: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Absent: stay who you are. */
  readonly identity?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  /** `cgroup.procs` files to enter. */
  readonly cgroups: readonly string[];
  /** Absent: the machine's own files, by `files` alone. */
  readonly view?: FileView;
  readonly files: FileRules;
  readonly network: NetworkRule;
  /** The launcher is in a network namespace of its own: only its loopback is there. */
  readonly ownNetwork: boolean;
  readonly limits: ProcessLimits;
}

/** Digits of the number in {@link readyLine}. */
const DIGITS = 10;
/** Length of {@link readyLine} in bytes. */
export const readyLength = (nonce: string): number => readyLine(nonce, 0).length;
/** What a launcher writes to stderr right before it becomes the program: with the processor time that it used, in µs. */
export const readyLine = (nonce: string, microseconds: number): string =>
  `${readyMark(nonce)}${String(Math.round(microseconds)).padStart(DIGITS, "0")}\n`;
/** Start of {@link readyLine}. */
export const readyMark = (nonce: string): string => `${nonce} ready `;
/** What it writes when it could not, before or after {@link readyLine}, followed by the reason and a line end. */
export const failedMark = (nonce: string): string => `${nonce} failed: `;
