/** What a command line is, as plain data, and the options that several share. Imports nothing. */
import type { Handler } from "./invocation.ts";

/** An option of a command line. */
export interface OptionSpec {
  /** Long name without dashes. */
  readonly name: string;
  readonly short?: string;
  /** Name of its value; absent for a flag. */
  readonly value?: string;
  /** May be given more than once. */
  readonly many?: boolean;
  readonly summary: string;
  /** Valid values, for completions. */
  readonly choices?: readonly string[];
}

/** A positional argument. */
export interface ArgumentSpec {
  readonly name: string;
  readonly optional?: boolean;
  readonly many?: boolean;
  /** What a shell may complete. */
  readonly kind?: "file" | "app" | "node";
}

/** One command line, such as `realm app show`. */
export interface CommandSpec {
  readonly words: readonly string[];
  readonly args: readonly ArgumentSpec[];
  readonly summary: string;
  /** Paragraphs for `--help`. */
  readonly text?: string;
  readonly options: readonly OptionSpec[];
  /** `[command line, what it does]`. */
  readonly examples: readonly (readonly [string, string])[];
  /** What is written behind it may be secret by mistake: no message repeats it. */
  readonly isPrivate?: boolean;
  readonly load: () => Promise<Handler>;
}

/** Options of every command line. */
export const globalOptions: readonly OptionSpec[] = [
  { name: "data-dir", value: "DIR", summary: "Where this node keeps its data (REALM_DATA_DIR)" },
  { name: "connect", value: "URL", summary: "Ask the node at this API address instead of the local one" },
  { name: "key", value: "FILE", summary: "Sign with this key file instead of the one in the data directory" },
  { name: "json", summary: "Print JSON" },
  { name: "no-color", summary: "No colours (NO_COLOR)" },
  { name: "help", short: "h", summary: "Show help" },
];

/** Used by several command lines. */
export const watch: OptionSpec = {
  name: "watch",
  short: "w",
  summary: "Show again whenever something changes",
};
/** Used by several command lines. */
export const tag = (summary: string): OptionSpec => ({
  name: "tag",
  short: "t",
  value: "TAG",
  many: true,
  summary,
});
/** Used by several command lines. */
export const detach: OptionSpec = { name: "detach", short: "d", summary: "Do not wait for the end" };
/** Used by several command lines. */
export const timeout: OptionSpec = {
  name: "timeout",
  value: "TIME",
  summary: "Stop waiting after this (default 10m)",
};
/** Used by several command lines. */
export const stretch: readonly OptionSpec[] = [
  { name: "last", value: "TIME", summary: "So far back: 30m, 6h, 7d (default 1h; kept for 30 days)" },
  { name: "points", value: "N", summary: "Intervals at most (default 360); for --json" },
];
/** Used by several command lines. */
export const out: OptionSpec = { name: "out", short: "o", value: "FILE", summary: "Write to this file" };
/** Used by several command lines. */
export const up: readonly OptionSpec[] = [
  { name: "name", value: "NAME", summary: "Name for people (default: the host name)" },
  { name: "tags", value: "A,B", summary: "Tags that deploys select this node by" },
  {
    name: "listen",
    value: "ADDR",
    many: true,
    summary:
      "Port, host:port or multiaddress for other nodes (default: 7479 of all interfaces, or any free one)",
  },
  { name: "announce", value: "ADDR", many: true, summary: "Address that others should dial instead" },
  {
    name: "gateway",
    value: "HOST:PORT",
    summary: "Where apps are served (default 127.0.0.1:7480 and [::1]:7480)",
  },
  {
    name: "api",
    value: "HOST:PORT",
    summary: "Where the API listens (default 127.0.0.1:7481 and [::1]:7481)",
  },
  {
    name: "api-host",
    value: "NAME",
    many: true,
    summary: "Name under which the API and the dashboard are reached too: in the LAN, of a TLS proxy",
  },
  {
    name: "tls-cert",
    value: "FILE",
    summary: "Certificate with its chain (PEM); a renewed one is used at once",
  },
  { name: "tls-key", value: "FILE", summary: "Its private key (PEM)" },
  {
    name: "api-tls",
    value: "HOST:PORT",
    summary: "Where the API is served by HTTPS besides, for other machines; needs --tls-cert and --tls-key",
  },
  {
    name: "gateway-tls",
    value: "HOST:PORT",
    summary: "Where apps are served by HTTPS besides; needs --tls-cert and --tls-key",
  },
  {
    name: "trusted-proxy",
    value: "ADDR",
    many: true,
    summary: "Address of a proxy in front of the gateway, whose X-Forwarded-* are believed",
  },
  {
    name: "access-log",
    value: "FILE",
    summary: "Write each request that the gateway answers as a line of JSON; at 64 MiB FILE becomes FILE.1",
  },
  { name: "no-mdns", summary: "Do not look for nodes in the local network" },
  { name: "relay", summary: "Let nodes behind NAT be reached through this one" },
];

/** Used by several command lines. */
export const app: ArgumentSpec = { name: "APP", kind: "app" };
/** Used by several command lines. */
export const node: ArgumentSpec = { name: "NODE", kind: "node" };
/** Used by several command lines. */
export const file: ArgumentSpec = { name: "FILE", kind: "file" };
/** Used by several command lines. */
export const replicas: OptionSpec = {
  name: "replicas",
  short: "r",
  value: "N",
  summary: 'How many replicas, or "all" for one on each matching node (default 1)',
};
/** Used by several command lines. */
export const strategy: OptionSpec = {
  name: "strategy",
  value: "NAME",
  summary: "How the new version replaces the old one: rolling (default), canary or all",
  choices: ["rolling", "canary", "all"],
};
