/** One request on its way to a replica, wherever that replica is; and how an attempt ends. */
import { RealmError } from "../protocol/errors.ts";
import type { Fields } from "./forwarding.ts";

/** A request body that can be read once, or again when it was small enough to keep. */
export interface RequestBody {
  /** All bytes, when they are kept: then any attempt can send them. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Whether a part was already handed out of a body that is not kept. */
  readonly touched: boolean;
  /** Why its content is refused, once that is known (too large). */
  readonly refused?: RealmError;
  /** A stream of the content. Of a body that is not kept there is one stream: call once it is certain to be sent. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** A request, checked and with its fields ready for the replica. */
export interface Exchange {
  readonly app: string;
  readonly method: string;
  /** Absolute, canonical path. */
  readonly url: string;
  /** The canonical path alone, without query. */
  readonly path: string;
  /** Prefix of the route (`""` for the root): files are looked up below it. */
  readonly prefix: string;
  readonly fields: Fields;
  readonly body: RequestBody | undefined;
  /** Protocol asked for by `Upgrade`; then `body` is absent. */
  readonly upgrade?: string;
  /** Ends the exchange: client gone, or the node is known to be lost. */
  readonly signal: AbortSignal;
}

/** What came back from a replica, before its fields have been looked through. */
export interface Answer {
  readonly status: number;
  readonly fields: Iterable<readonly [string, string]>;
  /** Bytes when all of them were there at once. */
  readonly body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
}
/** A `Response` as an answer. */
export const answerOf = ({ status, headers, body }: Response): Answer => ({
  status,
  fields: headers,
  body: body ?? undefined,
});

/** Bytes both ways: an upgraded connection. */
export interface Duplex {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Ends both directions at once. */
  close(): void;
}

/** What a replica said to an upgrade: the new protocol's connection, or an ordinary response. */
export type UpgradeAnswer =
  | { readonly kind: "switched"; readonly fields: Fields; readonly duplex: Duplex }
  | { readonly kind: "response"; readonly response: Response };

/** A failed attempt. `sent`: something of the request may have reached the app. */
export class AttemptError extends Error {
  /** Always `AttemptError`. */
  override readonly name = "AttemptError";
  /** Whether something of the request may have reached the app. */
  readonly sent: boolean;
  /** Whether the replica could not take or finish it, so that another one may. */
  readonly elsewhere: boolean;
  /** Whether the connection to the node broke: then the request is not suspected of having ended its replica. */
  readonly broken: boolean;
  /** `unavailable`, `timed_out`, `failed`, `too_large`. */
  readonly error: RealmError;
  /** Takes any thrown value; `sent` is the caller's knowledge, which `detail: { sent: false }` overrides. */
  constructor(cause: unknown, sent: boolean) {
    const error = cause instanceof RealmError
      ? cause
      : new RealmError("failed", "The app failed to answer the request; see its log.", { cause });
    super(error.message, { cause });
    this.error = error;
    this.elsewhere = error.code === "unavailable" || error.code === "unreachable";
    const detail = error.detail as { sent?: boolean; broken?: boolean } | undefined;
    this.sent = detail?.sent === false ? false : sent;
    this.broken = detail?.broken === true;
  }
}

/** An error that says that nothing reached the app. */
export const notSent = (message: string, cause?: unknown): RealmError =>
  new RealmError("unavailable", message, { detail: { sent: false }, cause });
