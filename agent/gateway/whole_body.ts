/** Reading bodies of requests whole, within bounds of bytes and time. */
import { RealmError } from "../protocol/errors.ts";

/** The refusal of a body that is larger. */
export const tooLarge = (max: number): RealmError =>
  new RealmError("too_large", `the request's body exceeds ${max} bytes`);

/** The refusal of a body whose sender went away in its middle. */
export const brokenOff = (cause: unknown): RealmError =>
  new RealmError("bad_request", "the request's body broke off before its end; send it again", { cause });

/** All bytes of a body of at most `max` bytes that arrives within `withinMs`. */
export async function readBody(request: Request, max: number, withinMs: number): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > max) throw tooLarge(max);
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0, late = false;
  const timer = setTimeout(() => {
    late = true;
    reader.cancel().catch(() => {});
  }, withinMs);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw brokenOff(cause);
      });
      if (late) throw new RealmError("timed_out", "the request's body did not arrive in time; try again");
      if (done) break;
      size += value.length;
      if (size > max) {
        reader.cancel().catch(() => {});
        throw tooLarge(max);
      }
      parts.push(value);
    }
  } finally {
    clearTimeout(timer);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
