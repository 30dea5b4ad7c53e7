/** What a deploy would change, slot by slot, and which nodes cannot take it. */
import type { PlanView } from "../../../mod.ts";
import { Command } from "../copy.tsx";
import { Icon } from "../icons.tsx";
import { Name, Table } from "../parts.tsx";
import { to } from "../router.ts";

const ACTIONS = { start: "plus", replace: "refresh", keep: "check", stop: "minus" } as const;

/** See the module's text. */
export function Plan({ plan }: { plan: PlanView }) {
  const nowhere = plan.replicas.filter((r) => r.node === undefined && r.action !== "stop").length;
  return (
    <section class="plan" aria-label="Plan">
      <h3>
        {plan.change === "install"
          ? "Installs "
          : plan.change === "upgrade"
          ? "Upgrades "
          : "Stands already: "}
        <Name text={plan.app} /> {plan.from && plan.change === "upgrade" && `from ${plan.from.version} `}
        {plan.change === "upgrade" && "to "}
        <Name text={plan.to.version} />, {plan.strategy}
      </h3>
      {plan.replicas.length > 0 && (
        <Table
          label="Changes by replica"
          head={["Slot", "Change", "Node", "Why"]}
          rows={plan.replicas.slice(0, 200).map((r) => ({
            key: String(r.slot),
            cells: [
              r.slot,
              <span class={`change ${r.node === undefined ? "bad" : r.action}`}>
                <Icon is={ACTIONS[r.action]} />
                {r.action}
              </span>,
              r.node
                ? (
                  <a href={to("nodes", r.node)}>
                    <Name text={r.node_name ?? r.node} />
                  </a>
                )
                : <b class="state bad">no node</b>,
              r.reason ?? "–",
            ],
          }))}
        />
      )}
      {nowhere > 0 && (
        <p class="note">
          {nowhere === 1 ? "One replica has" : `${nowhere} replicas have`}{" "}
          no node now; the realm places them as soon as one fits.
        </p>
      )}
      {plan.rejected_nodes.length > 0 && (
        <details>
          <summary>
            {plan.rejected_nodes.length === 1 ? "One node" : `${plan.rejected_nodes.length} nodes`}{" "}
            cannot take it
          </summary>
          <ul class="reasons">
            {plan.rejected_nodes.slice(0, 100).map((n) => (
              <li key={n.id}>
                <b>
                  <Name text={n.name} />
                </b>: {n.reasons.join("; ")} {n.fix && <Command line={n.fix} />}
              </li>
            ))}
          </ul>
        </details>
      )}
      {plan.notes.map((n) => <p class="note" key={n}>{n}</p>)}
    </section>
  );
}
