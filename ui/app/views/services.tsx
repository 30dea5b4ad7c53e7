/** Services: jobs that are kept running. Each is an app, and looked at as one. */
import { Command } from "../copy.tsx";
import { apps } from "../live.ts";
import { Health } from "./app_parts.tsx";
import { Empty, Name, Panel, State, Table } from "../parts.tsx";
import { to } from "../router.ts";
import { NEW_JOB, Tabs } from "./jobs.tsx";

/** Services shown. */
const SHOWN = 500;

/** See the module's text. */
export function Services() {
  const all = apps.value?.filter((a) => a.kind === "service" && a.phase !== "removed");
  return (
    <>
      <div class="title">
        <h1>Jobs</h1>
        <Tabs />
      </div>
      <Panel title="Services" aside={<Command line="realm job list" />}>
        {all?.length === 0 && (
          <>
            <Empty
              text="No service runs. A job of type service is kept at its replicas:"
              command="realm job submit service.toml"
            />
            <p>
              <a href={to("jobs", NEW_JOB)}>Write one here</a>
            </p>
          </>
        )}
        {all && all.length > 0 && (
          <Table
            label="Services"
            head={["Service", "State", "Replicas", "Version", "Open"]}
            rows={all.slice(0, SHOWN).map((a) => ({
              key: a.name,
              cells: [
                <a href={to("apps", a.name)}>
                  <Name text={a.name} />
                </a>,
                <State is={a.phase} />,
                <Health of={a} />,
                <Name text={a.version ?? "–"} />,
                a.routes.length > 0 ? <Name text={a.routes.join(" ")} /> : "–",
              ],
            }))}
          />
        )}
      </Panel>
    </>
  );
}
