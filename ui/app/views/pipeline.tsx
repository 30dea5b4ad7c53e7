/** The runs of one submission, in stages: what stands further right needs something that stands further left. */
import type { RunView } from "../../../mod.ts";
import { counted, tone } from "../format.ts";
import { worked } from "../live.ts";
import { Name, Panel, State, useFetched } from "../parts.tsx";
import { to } from "../router.ts";
import { stagesOf } from "../stages.ts";
import { matrixText } from "./jobs.tsx";

/** Runs asked for and drawn. */
const SHOWN = 100;

/** See the module's text. */
export function Pipeline({ r }: { r: RunView }) {
  const { value } = useFetched(
    `submission ${r.submission}`,
    (c) => Promise.all(r.runs.slice(0, SHOWN).map((id) => c.run(id).catch(() => undefined))),
    worked,
  );
  const runs = value?.filter((x) => x !== undefined) ?? [];
  const done = runs.filter((x) => x.state === "succeeded").length;
  return (
    <Panel
      title={r.runs.length > SHOWN
        ? `The first ${SHOWN} of ${r.runs.length} runs`
        : `${counted(r.runs.length, "run")} together`}
      aside={<small class="muted">{done} of {runs.length} succeeded</small>}
    >
      <ol class="stages" aria-label="Stages">
        {stagesOf(runs).map((stage, i) => (
          <li key={i}>
            <ul class="plain">
              {stage.map((x) => (
                <li key={x.id}>
                  <a
                    href={to("jobs", x.id)}
                    class={tone(x.state)}
                    aria-current={x.id === r.id ? "true" : undefined}
                  >
                    <b>
                      <Name text={x.job} />
                    </b>
                    <State is={x.state} />
                    {matrixText(x) && (
                      <small>
                        <Name text={matrixText(x)} />
                      </small>
                    )}
                    {x.needs.length > 0 && (
                      <small class="muted">
                        after <Name text={x.needs.join(", ")} />
                      </small>
                    )}
                  </a>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
