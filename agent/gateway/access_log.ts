/** The access log: sampled, batched, bounded. */
import { gatewayLimits } from "../protocol/limits.ts";

/** One request. */
export interface AccessEntry {
  /** When it came, milliseconds since 1970. */
  readonly at: number;
  /** Empty when no app answers for the host. */
  readonly app: string;
  /** Client's address; behind a trusted proxy the proxy's. Empty for answers from memory. */
  readonly client: string;
  readonly method: string;
  readonly host: string;
  /** Without query: queries carry secrets. */
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  readonly bytes: number;
  /** Replica and revision that answered. */
  readonly replica?: string;
  readonly revision?: string;
}

/** Where entries go. */
export interface AccessLogOptions {
  /** Called at most once a second with what was gathered; `dropped` entries did not fit. */
  readonly deliver: (entries: readonly AccessEntry[], dropped: number) => void;
  /** Share of good answers (below 400) that are logged, 0 to 1; default 1. Errors are always logged. */
  readonly sample?: number;
}

/** Gathers entries. */
export interface AccessLog {
  /** Whether the next good answer is in the sample; call once per answer. */
  sampled(): boolean;
  add(entry: AccessEntry): void;
  /** Delivers what is left and stops. */
  close(): void;
}

/** Makes the log; without options it keeps nothing and costs nothing. */
export function createAccessLog(options: AccessLogOptions | undefined): AccessLog {
  if (!options) return { sampled: () => false, add: () => {}, close: () => {} };
  const share = options.sample ?? 1;
  let entries: AccessEntry[] = [], dropped = 0, credit = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    if (entries.length === 0) return;
    const [batch, lost] = [entries, dropped];
    entries = [];
    dropped = 0;
    options.deliver(batch, lost);
  };
  return {
    sampled() {
      credit += share;
      if (credit < 1) return false;
      credit -= 1;
      return true;
    },
    add(entry) {
      if (entries.length >= gatewayLimits.accessEntries) return void dropped++;
      entries.push(entry);
      timer ??= setTimeout(flush, gatewayLimits.accessBatchMs);
    },
    close() {
      clearTimeout(timer);
      flush();
    },
  };
}
