/** The agent's own log: JSON lines, or one readable line per entry on a terminal. */
import type { Log } from "../ports.ts";

const levels = ["debug", "info", "warn", "error"] as const;
/** How much is written. */
export type LogLevel = (typeof levels)[number];

/** A log to stderr. The level can be changed while it runs. */
export function createLog(options: { level?: LogLevel; pretty?: boolean } = {}): Log & { level: LogLevel } {
  const encoder = new TextEncoder();
  const pretty = options.pretty ?? Deno.stderr.isTerminal();
  const write = (level: LogLevel, message: string, fields?: Record<string, unknown>) => {
    if (levels.indexOf(level) < levels.indexOf(log.level)) return;
    const at = new Date().toISOString();
    const rest = fields
      ? Object.entries(fields).map(([k, v]) => ` ${k}=${typeof v === "string" ? v : JSON.stringify(v)}`).join(
        "",
      )
      : "";
    const line = pretty
      ? `${at.slice(11, 23)} ${level.padEnd(5)} ${message}${rest}\n`
      : JSON.stringify({ at, level, message, ...fields }) + "\n";
    try {
      Deno.stderr.writeSync(encoder.encode(line));
    } catch {
      // stderr is closed: the agent goes on without.
    }
  };
  const log = {
    level: options.level ?? "info" as LogLevel,
    debug: (m: string, f?: Record<string, unknown>) => write("debug", m, f),
    info: (m: string, f?: Record<string, unknown>) => write("info", m, f),
    warn: (m: string, f?: Record<string, unknown>) => write("warn", m, f),
    error: (m: string, f?: Record<string, unknown>) => write("error", m, f),
  };
  return log;
}
