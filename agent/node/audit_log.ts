/**
 * The audit chain: each entry's hash covers its content and the hash before, so that a changed, removed or inserted
 * entry shows. The head is published as a record, by which other nodes witness it.
 */
import type { Database } from "../platform/mod.ts";
import { type AuditView, canonicalBytes, digestOf, type NodeId } from "../protocol/mod.ts";
import type { AuditEntry } from "../core/mod.ts";
import type { AuditFilter } from "./service.ts";

const GENESIS = "0".repeat(64);

/** See the module's text. */
export interface AuditLog {
  append(entry: AuditEntry, at: number): { readonly count: number; readonly head: string };
  list(filter: AuditFilter): AuditView[];
  /** Recomputes the chain; `problem` names the first entry that does not fit. */
  verify(): { readonly ok: boolean; readonly entries: number; readonly problem?: string };
  head(): { readonly count: number; readonly head: string };
}

type Row = Omit<AuditView, "node" | "code" | "detail" | "command"> & {
  code: string | null;
  detail: string | null;
  command: string | null;
};

const hashOf = (row: Omit<Row, "hash">, previous: string): string =>
  digestOf(
    canonicalBytes([
      previous,
      row.n,
      row.at,
      row.actor,
      row.action,
      row.target,
      row.result,
      row.code,
      row.detail,
      row.command,
    ]),
  );

/** The `audit` table of the node's database. */
export function createAuditLog(database: Database, node: NodeId): AuditLog {
  const { sqlite } = database;
  const insert = sqlite.prepare(
    "INSERT INTO audit (n, at, actor, action, target, result, code, detail, command, hash) VALUES (?,?,?,?,?,?,?,?,?,?)",
  );
  const last = sqlite.prepare("SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1");
  const every = sqlite.prepare("SELECT * FROM audit ORDER BY n");
  const head = () => {
    const row = last.get() as { n: number; hash: string } | undefined;
    return { count: row?.n ?? 0, head: row?.hash ?? GENESIS };
  };
  const view = (row: Row): AuditView => ({
    n: row.n,
    at: row.at,
    actor: row.actor,
    action: row.action,
    target: row.target,
    node,
    result: row.result,
    hash: row.hash,
    ...(row.code === null ? {} : { code: row.code }),
    ...(row.detail === null ? {} : { detail: row.detail }),
    ...(row.command === null ? {} : { command: row.command }),
  });
  return {
    head,
    append(entry, at) {
      const before = head();
      const row = {
        n: before.count + 1,
        at,
        actor: entry.actor,
        action: entry.action,
        target: entry.target,
        result: entry.result,
        code: entry.code ?? null,
        detail: entry.detail ?? null,
        command: entry.command ?? null,
      };
      const hash = hashOf(row, before.head);
      insert.run(
        row.n,
        row.at,
        row.actor,
        row.action,
        row.target,
        row.result,
        row.code,
        row.detail,
        row.command,
        hash,
      );
      return { count: row.n, head: hash };
    },
    list(filter) {
      const where: string[] = [], values: (string | number)[] = [];
      const add = (sql: string, value: string | number | undefined) => {
        if (value === undefined) return;
        where.push(sql);
        values.push(value);
      };
      add("at >= ?", filter.since);
      add("actor = ?", filter.actor);
      add("action = ?", filter.action);
      add("target = ?", filter.target);
      const sql = `SELECT * FROM audit ${
        where.length > 0 ? `WHERE ${where.join(" AND ")}` : ""
      } ORDER BY n DESC LIMIT ?`;
      const rows = sqlite.prepare(sql).all(
        ...values,
        Math.min(filter.limit ?? 1_000, 100_000),
      ) as unknown as Row[];
      return rows.map(view).reverse();
    },
    verify() {
      let previous = GENESIS, n = 0;
      for (const row of every.iterate() as Iterable<unknown> as Iterable<Row>) {
        n++;
        if (row.n !== n) return { ok: false, entries: n, problem: `entry ${n} is missing` };
        if (hashOf(row, previous) !== row.hash) {
          return { ok: false, entries: n, problem: `entry ${n} was altered, or one before it was removed` };
        }
        previous = row.hash;
      }
      return { ok: true, entries: n };
    },
  };
}
