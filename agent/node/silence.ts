/** Patience with those who are asked. */
import { RealmError } from "../protocol/mod.ts";

/** `work`, unless it takes longer than `ms`: then `timed_out`. Without `ms` it may take any time. */
export async function unlessSilent<T>(work: Promise<T>, ms: number | undefined): Promise<T> {
  if (ms === undefined) return await work;
  const silent = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      silent.reject(
        new RealmError("timed_out", `it sent nothing for ${ms / 1_000} s; ask again when it answers`),
      ),
    ms,
  );
  try {
    return await Promise.race([work, silent.promise]);
  } finally {
    clearTimeout(timer);
  }
}
