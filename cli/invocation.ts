/** What a command line is called with. Types only, but for reading options. */
import type { LocalJobs, PackageWorld } from "../mod.ts";

/** How this node is started. */
export interface UpOptions {
  readonly dataDir: string;
  readonly name?: string;
  readonly tags: readonly string[];
  /** Ports, `host:port` or multiaddresses. */
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  /** `host:port`. */
  readonly gateway?: string;
  /** `host:port`. */
  readonly api?: string;
  /** Names under which the API is reached besides. */
  readonly apiHosts: readonly string[];
  /** PEM files for `apiTls` and `gatewayTls`. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** `host:port`. */
  readonly apiTls?: string;
  /** `host:port`. */
  readonly gatewayTls?: string;
  /** Addresses of proxies in front of the gateway. */
  readonly trustedProxies: readonly string[];
  /** File of the gateway's access log. */
  readonly accessLog?: string;
  readonly mdns: boolean;
  readonly relay: boolean;
}

/** What the command line needs of the executable around it. */
export interface CliHost {
  readonly version: string;
  /** The file that a person starts; absent for a run from source. */
  readonly executable?: string | undefined;
  /** Runs this node until it ends; gives the exit code. */
  up(options: UpOptions): Promise<number>;
  /** Disk and hashing, for packages and blobs. */
  packageWorld(): Promise<PackageWorld>;
  /** Gives what executes jobs on this machine to `body`, with a signal for Ctrl-C. */
  withLocalJobs<T>(body: (jobs: LocalJobs, signal: AbortSignal) => Promise<T>): Promise<T>;
  /** The git working tree that a directory is in, and the addresses that it is a clone of. */
  workingTreeOf(directory: string): Promise<{ root: string; remotes: readonly string[] } | undefined>;
}

/** Where output goes and what it can show. */
export interface Terminal {
  /** Writes to stdout. */
  out(text: string): void;
  /** Writes to stderr. */
  err(text: string): void;
  /** Whether stdout is a terminal. */
  readonly live: boolean;
  readonly colour: boolean;
  readonly columns: number;
}

/** Values of options. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** One call of a command line. */
export interface Invocation {
  readonly args: readonly string[];
  readonly options: OptionValues;
  readonly terminal: Terminal;
  readonly host: CliHost;
  readonly dataDir: string;
}

/** Carries out a command line; the exit code, 0 when nothing is returned. Throws for failures. */
export type Handler = (invocation: Invocation) => Promise<number | void>;

/** A wrong command line: exit code 2. Needs no library, so that it is quick to say. */
export class UsageError extends Error {}

/** Text of an option. */
export const text = (i: Invocation, name: string): string | undefined => {
  const value = i.options[name];
  return typeof value === "string" ? value : undefined;
};
/** Whether a flag is set. */
export const flag = (i: Invocation, name: string): boolean => i.options[name] === true;
/** All values of an option that may be repeated; each may be a comma-separated list. */
export const list = (i: Invocation, name: string): string[] => {
  const value = i.options[name];
  const all = typeof value === "string" ? [value] : Array.isArray(value) ? value as string[] : [];
  return all.flatMap((v) => v.split(",")).map((v) => v.trim()).filter((v) => v !== "");
};
/** A whole number in a range. */
export function whole(i: Invocation, name: string, fallback: number, min: number, max: number): number {
  const value = text(i, name);
  if (value === undefined) return fallback;
  const n = /^[0-9]{1,15}$/.test(value) ? Number(value) : NaN;
  if (n >= min && n <= max) return n;
  throw new UsageError(`--${name} is a whole number from ${min} to ${max}, not ${JSON.stringify(value)}`);
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
/** Milliseconds of an option such as `30m` or `7d`. */
export function duration(i: Invocation, name: string, fallback: number): number {
  const value = text(i, name);
  return value === undefined ? fallback : durationMs(value, `--${name}`);
}
/** Milliseconds of a text such as `30m` or `7d`. */
export function durationMs(value: string, what: string): number {
  const match = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d|w)$/.exec(value);
  if (!match) throw new UsageError(`${what} is a time such as 30m, 24h or 7d, not ${JSON.stringify(value)}`);
  return Math.round(Number(match[1]) * UNITS[match[2]]);
}
