/** Records on disk. They were verified before they were stored, so reading them back trusts the signatures. */
import type { Database } from "../platform/mod.ts";
import { openRecord, type RealmRecord } from "../protocol/mod.ts";

/** Verified once, when it came in. */
const trusting = { verify: () => true };

/** See the module's text. */
export interface RecordTable {
  load(): RealmRecord[];
  store(records: readonly RealmRecord[]): void;
  /** Deletes these very records; a newer one under the same key stays. */
  forget(records: readonly RealmRecord[]): void;
}

/** The `records` table of the node's database. */
export function createRecordTable(database: Database): RecordTable {
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
      });
    },
    forget(records) {
      database.transaction(() => {
        for (const r of records) remove.run(r.author, r.key, r.wire.p);
      });
    },
  };
}
