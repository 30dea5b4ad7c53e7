/** Who did what: the answering node's chain, filtered, checked, exported. */
import { signal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";
import { type AuditCheckView, type AuditView, shortId } from "../../../mod.ts";
import { Command } from "../copy.tsx";
import { counted, quote, tone } from "../format.ts";
import { Icon } from "../icons.tsx";
import { audited, nodes } from "../live.ts";
import { Empty, Id, Name, Panel, sentence, State, Time, useFetched } from "../parts.tsx";
import { type Column, having, type Order, Rows } from "../rows.tsx";
import { csvCell, save } from "../save.ts";
import { session } from "../session.ts";
import { Filter } from "./why.tsx";

const filter = signal("");
const order = signal<Order | undefined>(undefined);
const action = signal(""), result = signal(""), last = signal("");
/** Entries fetched at first, and at most. */
const FIRST = 1_000, ALL = 10_000;
const limit = signal(FIRST);
const SPANS = [["1h", 3_600_000, "last hour"], ["24h", 86_400_000, "last day"], [
  "7d",
  604_800_000,
  "last week",
]] as const;

/** A long id in its short form; a node by its name. */
function named(id: string): string {
  const node = nodes.value?.find((n) => n.id === id);
  return node ? node.name : id.length > 40 ? shortId(id) : id;
}

const columns: readonly Column<AuditView>[] = [
  { head: "N", size: "64px", cell: (e) => e.n, by: (e) => e.n },
  { head: "When", size: "100px", cell: (e) => <Time at={e.at} />, by: (e) => e.at, phone: "side" },
  {
    head: "Action",
    size: "minmax(110px, 1fr)",
    cell: (e) => <b>{e.action}</b>,
    by: (e) => e.action,
    phone: "lead",
  },
  {
    head: "Target",
    size: "minmax(110px, 1.4fr)",
    cell: (e) => (
      <span title={e.target}>
        <Name text={named(e.target)} />
      </span>
    ),
    by: (e) => e.target,
    phone: "sub",
  },
  {
    head: "Result",
    size: "100px",
    cell: (e) => tone(e.result) === "calm" ? e.result : <State is={e.result} />,
    by: (e) => e.result,
    phone: "sub",
  },
  {
    head: "Actor",
    size: "minmax(90px, 1fr)",
    cell: (e) => <Id id={e.actor} short={named(e.actor)} />,
    by: (e) => e.actor,
  },
  {
    head: "Detail",
    size: "minmax(120px, 2fr)",
    cell: (e) => <Name text={e.detail ?? e.code ?? "–"} />,
    phone: "sub",
  },
];

const FIELDS = [
  "n",
  "at",
  "actor",
  "action",
  "target",
  "node",
  "result",
  "code",
  "detail",
  "command",
  "hash",
] as const;
function exportAs(kind: "jsonl" | "csv", entries: readonly AuditView[]): void {
  const oldest = entries.toSorted((a, b) => a.n - b.n);
  if (kind === "jsonl") {
    return save(
      "audit.jsonl",
      "application/x-ndjson",
      oldest.map((e) => JSON.stringify(e) + "\n"),
    );
  }
  const cell = (e: AuditView, f: typeof FIELDS[number]) =>
    f === "at" ? new Date(e.at).toISOString() : e[f] ?? "";
  save("audit.csv", "text/csv", [
    `${FIELDS.join(",")}\r\n`,
    ...oldest.map((e) => `${FIELDS.map((f) => csvCell(cell(e, f))).join(",")}\r\n`),
  ]);
}

const Choice = ({ of, label, none, options }: {
  of: { value: string };
  label: string;
  none: string;
  options: readonly (readonly [string, string])[];
}) => (
  <select aria-label={label} value={of.value} onChange={(e) => of.value = e.currentTarget.value}>
    <option value="">{none}</option>
    {options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
  </select>
);

function Verify() {
  const [checked, setChecked] = useState<AuditCheckView | string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const verify = async () => {
    setBusy(true);
    try {
      setChecked(await session.value?.client.auditVerify());
    } catch (error) {
      setChecked(sentence(error));
    }
    setBusy(false);
  };
  return (
    <>
      <button type="button" disabled={busy} onClick={() => void verify()}>
        <Icon is="check" /> Verify the chain
      </button>
      {checked !== undefined && (
        <span role="status" class={typeof checked === "string" || !checked.ok ? "bad-text" : "good-text"}>
          {typeof checked === "string"
            ? checked
            : checked.ok
            ? `The chain holds: ${counted(checked.entries, "entry", "entries")}.`
            : `The chain is broken: ${checked.problem}`}
        </span>
      )}
    </>
  );
}

/** See the module's text. */
export function Audit() {
  const since = SPANS.find(([word]) => word === last.value)?.[1];
  const { value, error } = useFetched(
    `audit ${limit.value} ${last.value}`,
    (c) => c.audit({ limit: limit.value, ...(since && { since: Date.now() - since }) }),
    audited,
  );
  const all = value ?? [];
  const shown = useMemo(
    () =>
      having(
        all,
        filter.value,
        (e) =>
          `${e.n} ${e.action} ${e.target} ${named(e.target)} ${e.actor} ${named(e.actor)} ${e.result} ${
            e.detail ?? ""
          }`,
      )
        .filter((e) =>
          (!action.value || e.action === action.value) && (!result.value || e.result === result.value)
        ),
    [value, filter.value, action.value, result.value],
  );
  const distinct = (of: (e: AuditView) => string) =>
    [...new Set(all.map(of))].sort().map((word) => [word, word] as const);
  const line = [
    "realm audit list",
    action.value && `--action ${quote(action.value)}`,
    last.value && `--since ${last.value}`,
  ].filter(Boolean).join(" ");
  return (
    <>
      <div class="title">
        <h1>Audit</h1>
        <Filter of={filter} count={`${shown.length} of ${all.length}`} />
        <span class="tools">
          <Choice of={action} label="Action" none="all actions" options={distinct((e) => e.action)} />
          <Choice of={result} label="Result" none="all results" options={distinct((e) => e.result)} />
          <Choice
            of={last}
            label="Time"
            none="all times"
            options={SPANS.map(([word, , text]) => [word, text])}
          />
        </span>
      </div>
      <p class="tools">
        <Verify />
        <button type="button" disabled={shown.length === 0} onClick={() => exportAs("jsonl", shown)}>
          <Icon is="download" /> Export JSON lines
        </button>
        <button type="button" disabled={shown.length === 0} onClick={() => exportAs("csv", shown)}>
          <Icon is="download" /> Export CSV
        </button>
      </p>
      <Panel title="Entries of this node, newest first" aside={<Command line={line} />}>
        {error && <p class="error">{error}</p>}
        {value?.length === 0 && <Empty text="Nothing was recorded in this time." />}
        {shown.length === 0 && all.length > 0 && <Empty text="No entry fits all this." />}
        {shown.length > 0 && (
          <Rows
            label="Audit entries"
            of={shown}
            columns={columns}
            id={(e) => String(e.n)}
            order={order}
          />
        )}
        {all.length === limit.value && limit.value < ALL && (
          <p>
            <button type="button" onClick={() => limit.value = ALL}>Older entries too</button>{" "}
            <span class="muted">The newest {FIRST} are here.</span>
          </p>
        )}
      </Panel>
    </>
  );
}
