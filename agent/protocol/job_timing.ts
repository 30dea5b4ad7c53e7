/** The schedule of a job as it was written, with defaults. */
import type { ScheduleTiming } from "./job_schedule.ts";
import type { WrittenJob } from "./job_written.ts";

/** When a job runs; `undefined` for one that is not recurring, or has no expression. */
export function timingOf({ job, schedule = {} }: WrittenJob): ScheduleTiming | undefined {
  const cron = job.schedule ?? schedule.cron;
  if (job.type !== "recurring" || cron === undefined) return undefined;
  return {
    cron,
    timezone: schedule.timezone ?? "UTC",
    overlap: schedule.overlap ?? "skip",
    missed: schedule.missed ?? "once",
    jitter_ms: Math.round((schedule.jitter_seconds ?? 0) * 1_000),
  };
}
