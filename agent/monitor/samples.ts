/** Samples in the database: fine ones for a day, coarse ones, folded from them, for a month. */
import type { DatabaseSync } from "node:sqlite";
import { monitorLimits } from "../protocol/mod.ts";
import { averaged, type Figures, type Kind } from "./figures.ts";
import type { Stored } from "./series.ts";

const SCHEMA = `
CREATE TABLE IF NOT EXISTS figure_subjects (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seen INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS figures (level INTEGER NOT NULL, subject INTEGER NOT NULL, at INTEGER NOT NULL, v BLOB NOT NULL, PRIMARY KEY (level, subject, at)) WITHOUT ROWID;
`;
const FINE = 0, COARSE = 1;
/** How often what is too old is looked for. */
const PRUNE_MS = 3_600_000;

/** What the samples need of a database; that of the node is one. */
export interface SampleDatabase {
  readonly sqlite: DatabaseSync;
  meta(name: string): string | undefined;
  setMeta(name: string, value: string): void;
  /** `later`: flushed to the device with the next transaction that must be. */
  transaction<T>(work: () => T, flush?: "later"): T;
}

/** `node`, or `app/<name>`. */
export type Subject = string;
const kindOf = (subject: Subject): Kind => subject === "node" ? "node" : "app";

/** See the module's text. */
export interface SampleTable {
  /** Stores samples, folds what is complete, removes what is too old. Throws when the disk is full. */
  store(samples: ReadonlyMap<Subject, readonly Stored[]>, now: number): void;
  read(subject: Subject, coarse: boolean, from: number, to: number): Stored[];
}

interface Row {
  readonly at: number;
  readonly v: Uint8Array;
}
const bytesOf = (f: Figures) => new Uint8Array(f.buffer, f.byteOffset, f.byteLength);
function stored({ at, v }: Row): Stored {
  const whole = v.byteLength - v.byteLength % 4;
  return { at: Number(at), figures: new Float32Array(v.slice(0, whole).buffer) };
}

/** Opens or creates the tables. */
export function openSamples(database: SampleDatabase): SampleTable {
  const { sqlite } = database;
  sqlite.exec(SCHEMA);
  const find = sqlite.prepare("SELECT id FROM figure_subjects WHERE name = ?");
  const note = sqlite.prepare(
    "INSERT INTO figure_subjects (name, seen) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seen = excluded.seen RETURNING id",
  );
  const every = sqlite.prepare("SELECT id, name FROM figure_subjects ORDER BY seen DESC, id");
  const insert = sqlite.prepare("INSERT OR REPLACE INTO figures (level, subject, at, v) VALUES (?, ?, ?, ?)");
  const range = sqlite.prepare(
    "SELECT at, v FROM figures WHERE level = ? AND subject = ? AND at >= ? AND at < ? ORDER BY at",
  );
  const drop = sqlite.prepare("DELETE FROM figures WHERE level = ? AND subject = ? AND at < ?");
  const forget = sqlite.prepare("DELETE FROM figure_subjects WHERE id = ?");
  const any = sqlite.prepare("SELECT 1 FROM figures WHERE level = ? AND subject = ? LIMIT 1");
  const rows = (level: number, id: number, from: number, to: number) =>
    (range.all(level, id, from, to) as unknown as Row[]).map(stored);
  const subjects = () => every.all() as unknown as { id: number; name: string }[];
  let prunedAt = 0;

  /** Whole coarse intervals that ended since the last time become one sample each. */
  function foldUntil(now: number): void {
    const { coarseStepMs: step, sampleMs, fineMs } = monitorLimits;
    const end = Math.floor(now / step) * step;
    const from = Math.max(Number(database.meta("figures/folded") ?? 0), end - fineMs);
    if (from >= end) return;
    for (const { id, name } of subjects()) {
      const windows = new Map<number, Figures[]>();
      for (const { at, figures } of rows(FINE, id, from, end)) {
        const start = Math.floor(at / step) * step;
        const found = windows.get(start);
        if (found) found.push(figures);
        else windows.set(start, [figures]);
      }
      for (const [at, found] of windows) {
        const whole = averaged(kindOf(name), found, Math.max(found.length, step / sampleMs));
        insert.run(COARSE, id, at, bytesOf(whole));
      }
    }
    database.setMeta("figures/folded", String(end));
  }

  function prune(now: number): void {
    if (now - prunedAt < PRUNE_MS) return;
    prunedAt = now;
    subjects().forEach(({ id }, rank) => {
      const all = rank >= monitorLimits.subjects;
      drop.run(FINE, id, all ? now : now - monitorLimits.fineMs);
      drop.run(COARSE, id, all ? now : now - monitorLimits.coarseMs);
      if (!any.get(FINE, id) && !any.get(COARSE, id)) forget.run(id);
    });
  }

  return {
    store(samples, now) {
      database.transaction(() => {
        for (const [subject, list] of samples) {
          const { id } = note.get(subject, now) as { id: number };
          for (const { at, figures } of list) insert.run(FINE, id, at, bytesOf(figures));
        }
        foldUntil(now);
        prune(now);
      }, "later");
    },
    read(subject, coarse, from, to) {
      const found = find.get(subject) as { id: number } | undefined;
      return found ? rows(coarse ? COARSE : FINE, found.id, from, to) : [];
    },
  };
}
