/** Records on disk. They were verified before they were stored, so reading them back trusts the signatures. */
import type { Database } from "../platform/mod.ts";
import { type NodeId, openRecord, type RealmRecord } from "../protocol/mod.ts";

/** Verified once, when it came in. */
const trusting = { verify: () => true };

/** See the module's text. */
export interface RecordTable {
  load(): RealmRecord[];
  /**
   * Own records are on the device when this returns: others hear of them next, and a node that forgot its last word would
   * use its number again. Others' records are flushed later: their authors hold them, and a sync brings back what a power
   * cut took.
   */
  store(records: readonly RealmRecord[]): void;
  /** Deletes these very records; a newer one under the same key stays. One that comes back by a power cut ends anew. */
  forget(records: readonly RealmRecord[]): void;
}

/** The `records` table of the database of the node `self`. */
export function createRecordTable(database: Database, self: NodeId): RecordTable {
  const all = database.sqlite.prepare("SELECT p, s FROM records");
  const put = database.sqlite.prepare(
    "INSERT INTO records (author, key, seq, p, s) VALUES (?, ?, ?, ?, ?) " +
      "ON CONFLICT (author, key) DO UPDATE SET seq = excluded.seq, p = excluded.p, s = excluded.s",
  );
  const remove = database.sqlite.prepare("DELETE FROM records WHERE author = ? AND key = ? AND p = ?");
  return {
    load() {
      const records: RealmRecord[] = [];
      for (const row of all.all() as { p: string; s: string }[]) {
        const opened = openRecord({ p: row.p, s: row.s }, trusting);
        if (opened.ok) records.push(opened.value);
      }
      return records;
    },
    store(records) {
      database.transaction(() => {
        for (const r of records) put.run(r.author, r.key, r.seq, r.wire.p, r.wire.s);
      }, records.some((r) => r.author === self) ? "now" : "later");
    },
    forget(records) {
      database.transaction(() => {
        for (const r of records) remove.run(r.author, r.key, r.wire.p);
      }, "later");
    },
  };
}
