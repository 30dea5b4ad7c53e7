/**
 * A service as it is deployed: a program that is kept running, with ports, health and restarts. To the realm it is an
 * app: what keeps apps at their replicas, replaces them and routes to them does so for services.
 */
import * as v from "valibot";
import { type JobRunSpec, RunSpecSchema } from "./job_spec.ts";

const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const name = v.pipe(v.string(), v.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/));
const milliseconds = whole(0, 86_400_000);

/** Signals by which a service may ask to be ended. */
export type StopSignal = "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT";
const stopSignals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const satisfies readonly StopSignal[];

/** See {@link ServiceSpec}. */
export const ServiceSpecSchema = v.strictObject({
  run: RunSpecSchema,
  ports: v.pipe(v.array(v.strictObject({ name, port: whole(1, 65_535) })), v.maxLength(32)),
  health: v.strictObject({
    path: v.optional(v.pipe(v.string(), v.maxLength(512), v.regex(/^\/(?!\/)\S*$/))),
    interval_ms: milliseconds,
    timeout_ms: milliseconds,
    failures: whole(1, 100),
    start_ms: milliseconds,
  }),
  restart: v.strictObject({
    policy: v.optional(v.picklist(["on-failure", "never"])),
    backoff_ms: milliseconds,
    max_backoff_ms: milliseconds,
  }),
  stop: v.strictObject({ signal: v.picklist(stopSignals), grace_ms: milliseconds }),
});

/** What a replica of a service is. */
export interface ServiceSpec {
  /** Program, inputs, bounds, sandbox. Its time-out does not count. */
  run: JobRunSpec;
  /** Ports that it listens on; requests go to the first. A replica is told its own in PORT and PORT_NAME. */
  ports: { name: string; port: number }[];
  /** When it counts as healthy: `path` answers with 2xx, or, without one, the first port takes connections. */
  health: {
    path?: string | undefined;
    interval_ms: number;
    timeout_ms: number;
    failures: number;
    start_ms: number;
  };
  /**
   * Wait before it is started again; doubled with each start, up to the greatest. `policy`: `on-failure` leaves it ended
   * when it exited with code 0, `never` however it ended; absent: it is always started again.
   */
  restart: { policy?: "on-failure" | "never" | undefined; backoff_ms: number; max_backoff_ms: number };
  /** How it is asked to end, and how long it has for it. */
  stop: { signal: StopSignal; grace_ms: number };
}
