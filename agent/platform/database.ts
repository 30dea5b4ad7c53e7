/**
 * `realm.db`: SQLite with write-ahead log, every commit flushed to the device before anyone hears of it; what others
 * said and can say again is flushed with the next commit that must be.
 */
import { DatabaseSync } from "node:sqlite";
import { RealmError } from "../protocol/errors.ts";

/** Schema version in `user_version`; a later one than ours is refused, an earlier one would be migrated here. */
const VERSION = 1;
const SCHEMA = `
CREATE TABLE IF NOT EXISTS records (author TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, p TEXT NOT NULL, s TEXT NOT NULL, PRIMARY KEY (author, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, result TEXT NOT NULL, code TEXT, detail TEXT, command TEXT, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;

/** An open database. */
export interface Database extends Disposable {
  readonly sqlite: DatabaseSync;
  /** Set when the file was damaged and put aside: where to. */
  readonly damaged?: string;
  meta(name: string): string | undefined;
  setMeta(name: string, value: string): void;
  /**
   * Runs `work` in one transaction. `flush`: `now`, what it wrote is on the device when this returns; `later`, it is with
   * the next commit that is. The end of the process loses nothing of it, a power cut the last such transactions in their
   * order: for what can be had again.
   */
  transaction<T>(work: () => T, flush?: "now" | "later"): T;
}

/** A check of the file's content failed. */
class Damaged extends Error {}
/** SQLite's words for SQLITE_CORRUPT and SQLITE_NOTADB; `node:sqlite` here tells no numbers. */
const isDamage = (error: unknown): boolean =>
  error instanceof Damaged ||
  error instanceof Error && /malformed|not a database|file is encrypted/.test(error.message);

/** What, why, what to do. */
function explained(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof RealmError) return error;
  const { message } = error;
  const of = (code: "no_space" | "disk" | "unavailable", why: string) =>
    new RealmError(code, `${path} cannot be written: ${why}`, { cause: error });
  if (/disk is full/.test(message)) {
    return of("no_space", "the disk is full; free some space, nothing that was accepted is lost");
  }
  if (/readonly|read-only|unable to open|permission|disk I\/O/i.test(message)) {
    return of("disk", `${message}; make the data directory and its files writable for this user`);
  }
  if (/is locked|busy/.test(message)) {
    return of("unavailable", "another process holds it; stop that one first");
  }
  return error;
}

function openAt(path: string): DatabaseSync {
  const sqlite = new DatabaseSync(path);
  sqlite.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA wal_autocheckpoint = 500;",
  );
  const { user_version: version } = sqlite.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > VERSION) {
    sqlite.close();
    throw new RealmError(
      "usage",
      `realm.db was written by a newer version (schema ${version}); start that version again`,
    );
  }
  sqlite.exec(SCHEMA);
  sqlite.exec(`PRAGMA user_version = ${VERSION}`);
  return sqlite;
}

/** Why this version could not open an existing database; `undefined` when it could. Changes nothing. */
export function databaseProblem(path: string): string | undefined {
  try {
    const sqlite = new DatabaseSync(path, { readOnly: true });
    const { user_version: version } = sqlite.prepare("PRAGMA user_version").get() as { user_version: number };
    sqlite.close();
    return version > VERSION ? `realm.db was written by a newer version (schema ${version})` : undefined;
  } catch (error) {
    return `realm.db cannot be opened: ${error instanceof Error ? error.message : error}`;
  }
}

/**
 * Opens or creates `path`. After an unclean stop the file is checked; a damaged one is set aside as
 * `<path>.damaged-<time>` and a new one begun: the node re-syncs from its peers.
 */
export function openDatabase(path: string, now: number): Database {
  let sqlite: DatabaseSync;
  let damaged: string | undefined;
  try {
    sqlite = openAt(path);
    const clean = sqlite.prepare("SELECT value FROM meta WHERE name = 'clean'").get() as
      | { value: string }
      | undefined;
    if (clean?.value === "no") {
      const check = sqlite.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
      if (check.quick_check !== "ok") {
        sqlite.close();
        throw new Damaged(check.quick_check);
      }
    }
  } catch (error) {
    // Only what is damaged is set aside: a full disk or a missing permission leaves everything as it is.
    if (!isDamage(error)) throw explained(error, path);
    damaged = `${path}.damaged-${now}`;
    for (const suffix of ["", "-wal", "-shm"]) {
      try {
        Deno.renameSync(path + suffix, damaged + suffix);
      } catch (cause) {
        if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      }
    }
    try {
      sqlite = openAt(path);
    } catch (cause) {
      throw explained(cause, path);
    }
  }
  const get = sqlite.prepare("SELECT value FROM meta WHERE name = ?");
  const set = sqlite.prepare(
    "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
  );
  const said = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw explained(error, path);
    }
  };
  said(() => set.run("clean", "no"));
  function transaction<T>(work: () => T): T {
    sqlite.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      sqlite.exec("COMMIT");
      return result;
    } catch (error) {
      try {
        sqlite.exec("ROLLBACK");
      } catch { /* a full disk has rolled it back already */ }
      throw explained(error, path);
    }
  }
  return {
    sqlite,
    ...(damaged === undefined ? {} : { damaged }),
    meta: (name) => (get.get(name) as { value: string } | undefined)?.value,
    setMeta: (name, value) => void set.run(name, value),
    transaction(work, flush = "now") {
      if (flush === "now") return transaction(work);
      sqlite.exec("PRAGMA synchronous = NORMAL");
      try {
        return transaction(work);
      } finally {
        sqlite.exec("PRAGMA synchronous = FULL");
      }
    },
    [Symbol.dispose]() {
      set.run("clean", "yes");
      sqlite.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      sqlite.close();
    },
  };
}
