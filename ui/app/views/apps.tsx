/** All apps. */
import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { type AppView, countReplicas } from "../../../mod.ts";
import { Command } from "../copy.tsx";
import { apps } from "../live.ts";
import { Empty, Name, Panel, State, Time } from "../parts.tsx";
import { to } from "../router.ts";
import { type Column, having, type Order, Rows } from "../rows.tsx";
import { Health, Open } from "./app_parts.tsx";
import { Filter } from "./why.tsx";

const filter = signal("");
const order = signal<Order | undefined>(undefined);
const latency = (a: AppView): number => a.metrics && a.metrics.requests > 0 ? a.metrics.p99_ms : -1;

const columns: readonly Column<AppView>[] = [
  {
    head: "Name",
    size: "minmax(140px, 2fr)",
    cell: (a) => (
      <a href={to("apps", a.name)}>
        <Name text={a.name} />
      </a>
    ),
    by: (a) => a.name,
    phone: "lead",
  },
  {
    head: "State",
    size: "minmax(90px, 1fr)",
    cell: (a) => <State is={a.phase} />,
    by: (a) => a.phase,
    phone: "side",
  },
  {
    head: "Healthy",
    size: "minmax(80px, 1fr)",
    cell: (a) => <Health of={a} />,
    by: (a) => a.healthy - countReplicas(a).wanted,
    phone: "sub",
  },
  {
    head: "Version",
    size: "minmax(70px, 1fr)",
    cell: (a) => a.version ? <Name text={a.version} /> : "–",
    by: (a) => a.version ?? "",
    phone: "sub",
  },
  { head: "Kind", size: "minmax(80px, 1fr)", cell: (a) => a.kind ?? "–", by: (a) => a.kind ?? "" },
  {
    head: "Requests here",
    size: "minmax(100px, 1fr)",
    cell: (a) => a.metrics?.requests.toLocaleString() ?? "–",
    by: (a) => a.metrics?.requests ?? -1,
  },
  {
    head: "p99 here",
    size: "minmax(80px, 1fr)",
    cell: (a) => latency(a) < 0 ? "–" : `${latency(a).toFixed(1)} ms`,
    by: latency,
  },
  {
    head: "Since",
    size: "minmax(80px, 1fr)",
    cell: (a) => <Time at={a.since} />,
    by: (a) => -a.since,
    phone: "sub",
  },
  {
    head: "Open",
    size: "minmax(140px, 2fr)",
    cell: (a) => a.links.length > 0 ? <Open links={a.links.slice(0, 1)} /> : "–",
  },
];

/** See the module's text. */
export function Apps() {
  const all = useMemo(() => (apps.value ?? []).filter((a) => a.phase !== "removed"), [apps.value]);
  const shown = useMemo(
    () =>
      having(all, filter.value, (a) => `${a.name} ${a.phase} ${a.version} ${a.kind} ${a.routes.join(" ")}`),
    [all, filter.value],
  );
  return (
    <>
      <div class="title">
        <h1>Apps</h1>
        <Filter of={filter} count={`${shown.length} of ${all.length}`} />
      </div>
      <Panel title="Deployed" aside={<Command line="realm app list" />}>
        {apps.value && all.length === 0
          ? <Empty text="Nothing is deployed yet. Deploy a package:" command="realm deploy my-app.realm" />
          : shown.length === 0 && filter.value
          ? <Empty text="No app has all these words." />
          : <Rows label="Apps" of={shown} columns={columns} id={(a) => a.name} order={order} />}
      </Panel>
    </>
  );
}
