/** libp2p's own trace lines, silenced: nobody reads them, and formatting them costs CPU on every frame. */
import type { ComponentLogger, Logger } from "@libp2p/interface";

function silent(): Logger {
  const log: Logger = Object.assign(() => {}, {
    error: () => {},
    trace: () => {},
    enabled: false,
    newScope: () => log,
  });
  return log;
}

/** A logger for libp2p that writes nothing. */
export function silentLogger(): ComponentLogger {
  const log = silent();
  return { forComponent: () => log };
}
