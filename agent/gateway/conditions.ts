/** Conditional and range requests (RFC 9110 §13 and §14), content negotiation of encodings (§12.5.3). Pure. */

/** Whether an `If-None-Match` value lists one of the tags; weak comparison, as the RFC says for this field. */
export function matchesTag(value: string, etags: readonly string[]): boolean {
  if (value.trim() === "*") return true;
  for (const tag of value.matchAll(/(?:W\/)?("[^"]*")/g)) if (etags.includes(tag[1])) return true;
  return false;
}

/** Whether a date field lies at or after `modifiedAt` (compared in whole seconds); a malformed date never does. */
export function notModifiedSince(value: string, modifiedAt: number | undefined): boolean {
  if (modifiedAt === undefined) return false;
  const since = Date.parse(value);
  return !Number.isNaN(since) && Math.floor(modifiedAt / 1000) * 1000 <= since;
}

/** Whether an `If-Range` value still holds: strong comparison of a tag, or exact date. */
export function holdsRange(value: string, etag: string, modifiedAt: number | undefined): boolean {
  if (value.startsWith('"')) return value === etag;
  if (value.startsWith("W/")) return false;
  return modifiedAt !== undefined && Date.parse(value) === Math.floor(modifiedAt / 1000) * 1000;
}

/**
 * The one range that a `Range` value asks of `size` bytes, end exclusive. `undefined`: answer with the whole (another
 * unit, a malformed value, or several ranges, which a server may ignore, RFC 9110 §14.2). `"unsatisfiable"`: 416.
 */
export function rangeOf(
  value: string,
  size: number,
): { start: number; end: number } | "unsatisfiable" | undefined {
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/.exec(value);
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") {
    const length = Number(match[2]);
    return length === 0 || size === 0 ? "unsatisfiable" : { start: Math.max(0, size - length), end: size };
  }
  const start = Number(match[1]);
  if (match[2] !== "" && Number(match[2]) < start) return undefined;
  if (start >= size) return "unsatisfiable";
  return { start, end: match[2] === "" ? size : Math.min(size, Number(match[2]) + 1) };
}

/** Whether an `Accept-Encoding` value allows an encoding (`q=0` forbids it, `*` covers those not named). */
export function acceptsEncoding(value: string, encoding: string): boolean {
  let wildcard = false;
  for (const part of value.split(",")) {
    const [name, ...params] = part.split(";");
    const coding = name.trim().toLowerCase();
    if (coding !== encoding && coding !== "*") continue;
    const q = params.map((p) => /^\s*q\s*=\s*([0-9.]+)\s*$/i.exec(p)?.[1]).find((x) => x !== undefined);
    const allowed = q === undefined || Number(q) > 0;
    if (coding === encoding) return allowed;
    wildcard = allowed;
  }
  return wildcard;
}
