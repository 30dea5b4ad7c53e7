/** `realm audit …`. */
import { type AuditView, shortId } from "../mod.ts";
import { connect } from "./connection.ts";
import { type Cell, moment, print, stateCell, table } from "./display.ts";
import { durationMs, type Handler, text, whole } from "./invocation.ts";
import { writePrivate } from "./local_files.ts";

/** Entries of one export: what one answer of the API holds. */
const EXPORT = 10_000;

const row = (e: AuditView): readonly Cell[] => [
  String(e.n),
  moment(e.at),
  shortId(e.actor),
  e.action,
  e.target.length > 40 ? shortId(e.target) : e.target,
  stateCell(e.result),
  e.detail ?? e.code ?? "",
];

/** Who did what. */
export const list: Handler = async (i) => {
  const since = text(i, "since");
  const entries = await (await connect(i, "read")).audit({
    ...(since !== undefined && { since: Date.now() - durationMs(since, "--since") }),
    actor: text(i, "actor"),
    action: text(i, "action"),
    target: text(i, "target"),
    limit: whole(i, "limit", 100, 1, EXPORT),
  });
  print(
    i,
    entries,
    () =>
      table(i.terminal, ["N", "AT (UTC)", "ACTOR", "ACTION", "TARGET", "RESULT", "DETAIL"], entries.map(row)),
  );
};

/** Checks the chain. */
export const verify: Handler = async (i) => {
  const checked = await (await connect(i, "read")).auditVerify();
  print(
    i,
    checked,
    (c) =>
      c.ok
        ? `The audit chain holds: ${c.entries} entries.\n`
        : `The audit chain is broken: ${c.problem ?? "no reason given"}\n`,
  );
  return checked.ok ? 0 : 1;
};

/** All entries as JSON lines, oldest first. */
export const exportAudit: Handler = async (i) => {
  const entries = (await (await connect(i, "read")).audit({ limit: EXPORT })).toSorted((a, b) => a.n - b.n);
  const lines = entries.map((e) => JSON.stringify(e) + "\n").join("");
  const out = text(i, "out");
  if (out === undefined) i.terminal.out(lines);
  else await writePrivate(out, lines);
  if (entries.length === EXPORT) i.terminal.err(`only the newest ${EXPORT} entries are exported\n`);
};
