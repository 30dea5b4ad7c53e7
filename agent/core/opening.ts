/** Opening records that come several times: by gossip, and by the sync of each peer that does not know yet who has them. */
import { limits } from "../protocol/limits.ts";
import { openRecord, type RealmRecord, type WireRecord } from "../protocol/record.ts";
import type { Result } from "../protocol/errors.ts";
import type { Verifier } from "../protocol/identity.ts";

/**
 * As {@link openRecord}, and remembers the last records that held, up to `remembered` characters of text: the same text
 * with the same signature is not checked again. What did not hold is not remembered, so that nobody fills the memory with
 * nonsense.
 */
export function createRecordOpener(
  verifier: Verifier,
  remembered: number = limits.recordTextRemembered,
): (wire: WireRecord) => Result<RealmRecord> {
  const known = new Map<string, RealmRecord>();
  let held = 0;
  return (wire) => {
    const before = known.get(wire.s);
    if (before?.wire.p === wire.p) return { ok: true, value: before };
    const opened = openRecord(wire, verifier);
    if (!opened.ok || before) return opened;
    known.set(wire.s, opened.value);
    held += wire.p.length;
    for (const [signature, { wire: { p } }] of known) {
      if (held <= remembered) break;
      known.delete(signature);
      held -= p.length;
    }
    return opened;
  };
}
