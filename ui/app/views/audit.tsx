/** Who did what: the answering node's chain, filtered, checked, exported. */
import { signal } from "@preact/signals";
import { shortId } from "../../../mod.ts";
import { tone } from "../format.ts";
import { Command } from "../copy.tsx";
import { Empty, Id, Name, Panel, say, sentence, State, Table, Time, useFetched } from "../parts.tsx";
import { session } from "../session.ts";
import { Filter } from "./why.tsx";

const filter = signal("");
const SHOWN = 500;

async function verify(): Promise<void> {
  try {
    const result = await session.value?.client.auditVerify();
    if (result) {
      say(
        result.ok ? `The chain holds: ${result.entries} entries.` : `Broken: ${result.problem}`,
        !result.ok,
      );
    }
  } catch (error) {
    say(sentence(error), true);
  }
}

async function save(): Promise<void> {
  try {
    const entries = await session.value?.client.audit({ limit: 10_000 }) ?? [];
    const url = URL.createObjectURL(new Blob(entries.map((e) => JSON.stringify(e) + "\n")));
    const a = document.createElement("a");
    a.href = url;
    a.download = "audit.ndjson";
    a.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    say(sentence(error), true);
  }
}

/** See the module's text. */
export function Audit() {
  const { value, error } = useFetched("audit", (c) => c.audit({ limit: SHOWN }));
  const wanted = filter.value.toLowerCase();
  const shown = (value ?? []).filter((e) =>
    `${e.action} ${e.target} ${e.actor} ${e.result} ${e.detail ?? ""}`.toLowerCase().includes(wanted)
  );
  return (
    <>
      <div class="title">
        <h1>Audit</h1>
        <Filter of={filter} count={`${shown.length} of ${value?.length ?? 0}`} />
        <span class="buttons">
          <button type="button" onClick={() => void verify()}>Verify</button>
          <button type="button" onClick={() => void save()}>Export</button>
        </span>
      </div>
      <Panel title="Entries of this node" aside={<Command line="realm audit list" />}>
        {error && <p class="error">{error}</p>}
        {value?.length === 0 && <Empty text="Nothing was recorded yet." />}
        <Table
          label="Audit entries"
          head={["N", "When", "Action", "Target", "Result", "Actor", "Detail"]}
          rows={shown.map((e) => ({
            key: String(e.n),
            cells: [
              e.n,
              <Time at={e.at} />,
              <b>{e.action}</b>,
              <Name text={e.target.length > 40 ? shortId(e.target) : e.target} />,
              tone(e.result) === "calm" ? e.result : <State is={e.result} />,
              <Id id={e.actor} short={shortId(e.actor)} />,
              <Name text={e.detail ?? e.code ?? "–"} />,
            ],
          }))}
        />
      </Panel>
    </>
  );
}
