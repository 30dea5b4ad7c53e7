/** What happened in the realm, as this node noticed it. */
import { signal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { EventView } from "../../../mod.ts";
import { Command } from "../copy.tsx";
import { events, nodes, rememberAll } from "../live.ts";
import { Empty, Name, Panel, sentence, State, Time } from "../parts.tsx";
import { type Column, having, type Order, Rows } from "../rows.tsx";
import { aboutOf, graveness, sentenceOf } from "./event_lines.tsx";
import { Filter } from "./why.tsx";

const filter = signal("");
const order = signal<Order | undefined>(undefined);
const grave = signal(false);

const columns: readonly Column<EventView>[] = [
  { head: "When", size: "110px", cell: (e) => <Time at={e.at} />, phone: "sub" },
  { head: "Topic", size: "90px", cell: (e) => e.topic, by: (e) => e.topic, phone: "sub" },
  {
    head: "Weight",
    size: "110px",
    cell: (e) => e.severity ? <State is={e.severity} /> : <span class="muted">–</span>,
    by: (e) => ["calm", "warn", "bad"].indexOf(graveness(e)),
  },
  {
    head: "What",
    size: "minmax(240px, 1fr)",
    cell: (e) => {
      const about = aboutOf(e, nodes.value), grave = graveness(e);
      const text = (
        <span class={grave === "calm" ? "" : `${grave}-text`}>
          <Name text={sentenceOf(e)} />
        </span>
      );
      return about ? <a href={about}>{text}</a> : text;
    },
    phone: "lead",
  },
];

/** See the module's text. */
export function Events() {
  const [error, setError] = useState("");
  useEffect(() => {
    rememberAll().catch((failure) => setError(sentence(failure)));
  }, []);
  const all = events.value ?? [];
  const newest = useMemo(() => all.toReversed(), [all]);
  const wanted = grave.value ? newest.filter((e) => e.severity) : newest;
  const shown = useMemo(
    () => having(wanted, filter.value, (e) => `${e.topic} ${e.what} ${e.target ?? ""} ${e.severity ?? ""}`),
    [
      newest,
      grave.value,
      filter.value,
    ],
  );
  return (
    <>
      <div class="title">
        <h1>Events</h1>
        <Filter of={filter} count={`${shown.length} of ${all.length}`} />
        <label class="check inline">
          <input
            type="checkbox"
            checked={grave.value}
            onChange={(e) => grave.value = e.currentTarget.checked}
          />
          warnings and errors alone
        </label>
      </div>
      <Panel title="As this node noticed them, newest first" aside={<Command line="realm events -f" />}>
        {error && <p class="error">{error}</p>}
        {all.length === 0
          ? <Empty text="Nothing happened yet." />
          : shown.length === 0
          ? <Empty text="No event has all these words." />
          : <Rows label="Events" of={shown} columns={columns} id={(e) => String(e.n)} order={order} />}
      </Panel>
    </>
  );
}
