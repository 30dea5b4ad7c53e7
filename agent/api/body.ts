/** Reading request bodies within their bounds. */
import * as v from "valibot";
import { brokenOff, readBody, tooLarge } from "../gateway/mod.ts";
import { fromUtf8, RealmError } from "../protocol/mod.ts";

/** A value that fits the schema, or `bad_request` with the first place where it does not. */
export function checked<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  what: string,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = v.getDotPath(issue);
  throw new RealmError("bad_request", `${what} is wrong${path ? ` at ${path}` : ""}: ${issue.message}`);
}

/** A JSON body. The content type must say JSON, so that no plain HTML form can send it. */
export async function readJson<S extends v.GenericSchema>(
  request: Request,
  schema: S,
  max: number,
  withinMs: number,
): Promise<v.InferOutput<S>> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new RealmError("bad_request", "the request's content type must be application/json");
  }
  const bytes = await readBody(request, max, withinMs);
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw new RealmError("bad_request", "the request's body is not JSON in UTF-8", { cause });
  }
  return checked(schema, value, "the request's body");
}

/** Passes an upload on, giving up when no byte moves for `idleMs`, or when it exceeds `max` bytes. */
export function watchedUpload(
  source: ReadableStream<Uint8Array>,
  max: number,
  idleMs: number,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let size = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const idle = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new RealmError("timed_out", "the upload stood still for too long; try again")),
          idleMs,
        );
      });
      try {
        const next = reader.read().catch((cause) => {
          throw brokenOff(cause);
        });
        const { done, value } = await Promise.race([next, idle]);
        if (done) return controller.close();
        size += value.length;
        if (size > max) throw tooLarge(max);
        controller.enqueue(value);
      } catch (error) {
        reader.cancel(error).catch(() => {});
        controller.error(error);
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
