/** Error codes of Realm: one table maps a code to its HTTP status and its CLI exit code. */

/** `code → [HTTP status, exit code]`. Codes are stable: they are part of the API. */
export const errorTable = {
  bad_request: [400, 2],
  bad_manifest: [400, 2],
  usage: [400, 2],
  too_large: [413, 2],
  bad_signature: [401, 3],
  unauthenticated: [401, 3],
  wrong_realm: [403, 3],
  not_authorised: [403, 3],
  role_too_low: [403, 3],
  grant_expired: [403, 3],
  grant_revoked: [403, 3],
  stale_command: [403, 3],
  replayed: [409, 3],
  not_member: [403, 3],
  invite_invalid: [403, 3],
  invite_expired: [403, 3],
  invite_used_up: [403, 3],
  policy_refused: [403, 3],
  bad_origin: [403, 3],
  not_found: [404, 4],
  method_not_allowed: [405, 2],
  conflict: [409, 1],
  bad_package: [422, 1],
  bad_digest: [422, 1],
  bad_release: [422, 1],
  wrong_platform: [422, 1],
  release_expired: [403, 3],
  release_older: [409, 3],
  quarantined: [409, 3],
  rate_limited: [429, 1],
  failed: [500, 1],
  internal: [500, 1],
  disk: [507, 1],
  no_space: [507, 1],
  limit_reached: [507, 1],
  unreachable: [503, 5],
  unavailable: [503, 5],
  catching_up: [503, 5],
  timed_out: [504, 124],
} as const satisfies Record<string, readonly [number, number]>;

/** A stable error code. */
export type ErrorCode = keyof typeof errorTable;

/** HTTP status of a code. */
export const httpStatusOf = (code: ErrorCode): number => errorTable[code][0];
/** CLI exit code of a code. */
export const exitCodeOf = (code: ErrorCode): number => errorTable[code][1];

/**
 * An expected failure that crosses a boundary. `message` is one sentence: what, why, what to do.
 * `detail` is structured data for programs (never secrets).
 */
export class RealmError extends Error {
  /** Always `RealmError`. */
  override readonly name = "RealmError";
  /** The stable code. */
  readonly code: ErrorCode;
  /** Structured data for programs. */
  readonly detail?: unknown;
  /** `message`: one sentence, what, why, what to do. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; detail?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options?.detail;
  }
}

/** Whether a failure says only that a node gave no answer for now: whoever can wait asks again. */
export const isAbsence = (error: unknown): error is RealmError =>
  error instanceof RealmError &&
  ["unreachable", "unavailable", "catching_up", "timed_out"].includes(error.code);

/** A value or a refusal; refusals are data, not exceptions, inside the core. */
export type Result<T> = { readonly ok: true; readonly value: T } | {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly message: string;
};

/** A successful {@link Result}. */
export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
/** A refused {@link Result}. */
export const refuse = (
  code: ErrorCode,
  message: string,
): { ok: false; code: ErrorCode; message: string } => ({
  ok: false,
  code,
  message,
});
/** Turns a refused {@link Result} into a thrown {@link RealmError}; for shells only. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new RealmError(result.code, result.message);
}

/** Refusal of a node that answers nothing any more. */
export const nodeEnding = (): RealmError =>
  new RealmError("unavailable", "this node is ending; try again in a moment, or ask another node");
