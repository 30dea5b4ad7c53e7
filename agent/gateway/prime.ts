/**
 * Awaits the start of a response body, so that a replica which dies after its head but before its content can still
 * be replaced by another one without the client noticing.
 */
import { RealmError } from "../protocol/errors.ts";
import { gatewayLimits } from "../protocol/limits.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A body of which the start is known: complete bytes, or a stream that begins with them. */
export type Primed = { readonly whole: Bytes } | { readonly stream: ReadableStream<Bytes> };

function joined(parts: readonly Bytes[], size: number): Bytes {
  if (parts.length === 1) return parts[0];
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** What header fields say of a body. */
export interface BodyFields {
  readonly type: string | undefined;
  /** As announced. */
  readonly length: string | undefined;
}

/** Picks them out of fields with names in lower case. */
export function bodyFields(fields: readonly (readonly [string, string])[]): BodyFields {
  let type: string | undefined, length: string | undefined;
  for (const [name, value] of fields) {
    if (name === "content-type") type = value;
    else if (name === "content-length") length = value;
  }
  return { type, length };
}

/** How long to wait for a body, and for its next piece: its announced length decides; event streams never wait. */
function patience({ type, length }: BodyFields): { readonly totalMs: number; readonly pauseMs: number } {
  if (type?.startsWith("text/event-stream")) return { totalMs: 0, pauseMs: 0 };
  if (length !== undefined && Number(length) <= gatewayLimits.primeBytes) {
    return { totalMs: gatewayLimits.primeKnownMs, pauseMs: gatewayLimits.primeKnownMs };
  }
  return { totalMs: gatewayLimits.primeTotalMs, pauseMs: gatewayLimits.primeMs };
}

/**
 * Reads until the end, `primeBytes`, or the patience is over. Rejects with the body's error when it breaks meanwhile.
 * Content shorter than its announced length counts as broken.
 */
export async function prime(body: ReadableStream<Bytes>, about: BodyFields): Promise<Primed> {
  const { totalMs, pauseMs } = patience(about);
  const timeOut = Promise.withResolvers<void>();
  const total = setTimeout(timeOut.resolve, totalMs);
  let pause = setTimeout(timeOut.resolve, pauseMs);
  const progress = () => {
    clearTimeout(pause);
    pause = setTimeout(timeOut.resolve, pauseMs);
  };
  try {
    return await readUntil(body, about, timeOut.promise, gatewayLimits.primeBytes, progress);
  } finally {
    clearTimeout(total);
    clearTimeout(pause);
  }
}

/**
 * Holds a response back while its request is still being uploaded. Needed because Deno 2.8.3 to 2.9.5 stops to deliver
 * a request body once a streaming response was returned (denoland/deno#36624). An app that says more than
 * `aheadBytes` before it has read the request cannot be served so: `RealmError("failed")`.
 */
export async function afterUpload(
  body: ReadableStream<Bytes>,
  about: BodyFields,
  uploaded: Promise<void>,
): Promise<Primed> {
  let over = false;
  const primed = await readUntil(
    body,
    about,
    uploaded.then(() => void (over = true)),
    gatewayLimits.aheadBytes,
  );
  if ("whole" in primed || over) return primed;
  await primed.stream.cancel().catch(() => {});
  throw new RealmError("failed", "The app answered too much before it had read the request.");
}

/** Reads until the end, `maxBytes` (about), or `stop`; rejects with the body's error. */
export async function readUntil(
  body: ReadableStream<Bytes>,
  about: BodyFields,
  stop: Promise<void>,
  maxBytes: number,
  progress: () => void = () => {},
): Promise<Primed> {
  const reader = body.getReader();
  const parts: Bytes[] = [];
  let size = 0, stopped = false;
  const stopping = stop.then(() => void (stopped = true));
  let pending: ReturnType<typeof reader.read> | undefined;
  while (!stopped && size < maxBytes) {
    pending = reader.read();
    const got = await Promise.race([pending, stopping]);
    if (got === undefined) break;
    pending = undefined;
    if (got.done) {
      if (Number(about.length ?? 0) > size) throw new TypeError("the response was cut");
      return { whole: joined(parts, size) };
    }
    parts.push(got.value);
    size += got.value.length;
    progress();
  }
  pending?.catch(() => {});
  const stream = new ReadableStream<Bytes>({
    async pull(controller) {
      if (parts.length > 0) return controller.enqueue(parts.shift()!);
      const next = pending ?? reader.read();
      pending = undefined;
      const { done, value } = await next;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return { stream };
}
