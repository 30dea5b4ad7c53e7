/** A job or a pipeline, written by form or as TOML, its files chosen here; submitted with what would run in sight. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import {
  type DeployWish,
  fileKey,
  filesOf,
  findJobFiles,
  type FoundFiles,
  type JobFile,
  type JobPlanView,
  type JobRunSpec,
  type JobWishes,
  jobWishes,
  RealmError,
  runIdsOf,
  whenText,
} from "../../../mod.ts";
import { Block, Command } from "../copy.tsx";
import type { Local } from "../files/local_files.ts";
import { worldOf } from "../files/package_world.ts";
import { missingOf, type Progress, uploadMissing } from "../files/upload.ts";
import { bytes, counted } from "../format.ts";
import { Icon } from "../icons.tsx";
import { chosen, draft, FILE, read, setText, toForm } from "../jobs/draft.ts";
import { JobForm } from "../jobs/form.tsx";
import { Alert, Empty, Name, Panel, say, sentence, Table, useFetched } from "../parts.tsx";
import { go, to } from "../router.ts";
import { may, session } from "../session.ts";
import { Editor } from "../toml/editor.tsx";
import { Problems } from "../toml/problems.tsx";
import { DropZone } from "./drop_zone.tsx";
import { SCHEDULED } from "./jobs.tsx";
import { Plan } from "./plan.tsx";
import { UploadProgress } from "../upload_progress.tsx";

/** Runs shown of what would run. */
const SHOWN = 200;
const NOTHING = () => [];

const isLocal = (file: JobFile): boolean => file.kind === "file" || file.kind === "tree";

/** Files that the manifest names, found and hashed once all of them were chosen; again when one is another. */
function useFound(files: readonly JobFile[]): { readonly found?: FoundFiles; readonly error?: string } {
  const key = JSON.stringify(files.map(fileKey)), picked = chosen.value, client = session.value?.client;
  const [state, setState] = useState<{ key?: string; from?: unknown; found?: FoundFiles; error?: string }>(
    {},
  );
  useEffect(() => {
    if (!client || files.some((f) => isLocal(f) && !picked.has(f.name))) return;
    let open = true;
    findJobFiles(() => Promise.resolve(client), files, ({ name }) => {
      const local = picked.get(name);
      if (!local) throw new RealmError("not_found", `choose ${name}`);
      return { world: worldOf(local), path: local.name };
    }).then(
      (found) => open && setState({ key, from: picked, found }),
      (error) => open && setState({ key, from: picked, error: sentence(error) }),
    );
    return () => void (open = false);
  }, [key, picked, client]);
  return state.key === key && state.from === picked ? state : {};
}

function Files({ of }: { of: readonly JobFile[] }) {
  const take = (file: JobFile, all: readonly Local[]) => {
    if (all.length === 1) chosen.value = new Map([...chosen.value, [file.name, all[0]]]);
    else if (all.length > 1) say("One file or folder for each name, please.", true);
  };
  const forget = (name: string) => chosen.value = new Map([...chosen.value].filter(([n]) => n !== name));
  return (
    <Panel
      title="Files of this machine"
      aside={<small class="muted">uploaded when the job is submitted</small>}
    >
      {of.map((file) => {
        const local = chosen.value.get(file.name);
        return local
          ? (
            <p class="foot-line" key={file.name}>
              <Icon is={local.kind === "file" ? "file" : "folder"} /> <Name text={file.name} />
              <small class="muted">
                is {local.kind === "file" ? "the file" : "the folder"} <Name text={local.name} />
              </small>
              <button type="button" class="quiet" onClick={() => forget(file.name)}>Another</button>
            </p>
          )
          : (
            <DropZone
              key={file.name}
              text={`The manifest names ${file.name.slice(0, 80)}: drop it here`}
              folders={file.kind === "tree"}
              onDrop={(all) => take(file, all)}
            />
          );
      })}
    </Panel>
  );
}

/** Runs with when they run: all of a submission, in its order. */
const runsOf = (wishes: JobWishes): readonly { readonly run: JobRunSpec; readonly when: string }[] => [
  ...(wishes.submit?.runs ?? []).map((run) => ({ run, when: "now" })),
  ...wishes.schedules.flatMap((wish) => wish.runs.map((run) => ({ run, when: whenText(wish) }))),
];

/** A pause in typing after which the node is asked, ms. */
const PAUSE_MS = 250;
/** Where the runs could go, node by node, as the node that is asked sees it now. */
function usePlan(wishes: JobWishes | undefined): JobPlanView | undefined {
  const [plan, setPlan] = useState<JobPlanView>();
  const client = session.value?.client, key = JSON.stringify(wishes);
  useEffect(() => {
    setPlan(undefined);
    const runs = wishes ? runsOf(wishes).map(({ run }) => run) : [];
    if (!client || runs.length === 0) return;
    let open = true;
    const timer = setTimeout(() => {
      client.planJobs({ runs }).then((found) => open && setPlan(found), () => {});
    }, PAUSE_MS);
    return () => {
      open = false;
      clearTimeout(timer);
    };
  }, [client, key]);
  return plan;
}

type Verdicts = JobPlanView["kinds"][number]["nodes"];

/** The nodes that can take a run, by name; that there is none, as trouble. */
function Where({ nodes }: { nodes: Verdicts | undefined }) {
  if (!nodes) return <>–</>;
  const able = nodes.filter((n) => n.able);
  if (able.length === 0) return <b class="state bad">no node now</b>;
  const named = able.slice(0, 3).map((n) => n.name.slice(0, 40)).join(", ");
  return <Name text={able.length > 3 ? `${named} and ${able.length - 3} more` : named} />;
}

function Unable({ nodes }: { nodes: Verdicts }) {
  const unable = nodes.filter((n) => !n.able);
  if (unable.length === 0) return null;
  return (
    <details open={unable.length === nodes.length}>
      <summary>
        {unable.length === 1 ? "One node" : `${unable.length} nodes`} cannot take{"  "}
        {unable.length === nodes.length ? "it, none can: it would wait" : "it"}
      </summary>
      <ul class="reasons">
        {unable.slice(0, SHOWN).map((n) => (
          <li key={n.id}>
            <b>
              <Name text={n.name} />
            </b>: {n.reasons.join("; ")} {n.fix && <Command line={n.fix} />}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** What a service would change, and where: it is kept as an app is. */
function ServicePlan({ wish }: { wish: DeployWish }) {
  const { value, error } = useFetched(`plan ${JSON.stringify(wish)}`, (c) => c.plan(wish));
  return error ? <p class="error">{error}</p> : value ? <Plan plan={value} /> : null;
}

function Preview({ wishes, files, lacking }: { wishes: JobWishes; files: FoundFiles; lacking?: number }) {
  const runs = runsOf(wishes), plan = usePlan(wishes);
  const nodesOf = (i: number) => plan?.kinds.find((k) => k.runs.includes(i))?.nodes;
  return (
    <Panel
      title={titleOf(wishes)}
      aside={<Command line={`realm job submit ${FILE} --plan`} />}
    >
      {wishes.services.map((wish) => <ServicePlan key={wish.app} wish={wish} />)}
      {runs.length > 0 && (
        <Table
          label="What would run"
          head={["Job", "Matrix", "When", "Needs", "Runtime", "Memory", "Priority", "Where"]}
          rows={runs.slice(0, SHOWN).map(({ run, when }, i) => ({
            key: String(i),
            cells: [
              <Name text={run.job} />,
              <Name text={Object.entries(run.matrix).map(([axis, v]) => `${axis}=${v}`).join(" ") || "–"} />,
              <Name text={when} />,
              <Name text={run.needs.join(", ") || "–"} />,
              run.runtime,
              `${run.memory_mb} MiB`,
              run.priority,
              <Where nodes={nodesOf(i)} />,
            ],
          }))}
        />
      )}
      {runs.length > SHOWN && <p class="muted">The first {SHOWN} are here.</p>}
      {plan?.kinds.map((k) => <Unable key={k.runs[0]} nodes={k.nodes} />)}
      {files.notes.map((note) => <p class="note" key={note}>{note}</p>)}
      {files.uploads.length > 0 && lacking !== undefined && (
        <p class="muted">
          {lacking === 0
            ? "All files are in the realm: nothing has to be uploaded."
            : `${bytes(lacking)} have to be uploaded.`}
        </p>
      )}
    </Panel>
  );
}

function titleOf(wishes: JobWishes): string {
  const runs = runsOf(wishes).length, services = wishes.services.length;
  return [services > 0 && counted(services, "service"), runs > 0 && counted(runs, "run")].filter(Boolean)
    .join(", ");
}

/** What the button says. */
function labelOf({ submit, services, schedules }: JobWishes): string {
  const doing = [
    submit && (submit.runs.length === 1 ? "submit" : `submit ${submit.runs.length} runs`),
    services.length > 0 &&
    (services.length === 1 ? "start the service" : `start ${services.length} services`),
    schedules.length > 0 && (schedules.length === 1 ? "schedule" : `schedule ${schedules.length}`),
  ].filter(Boolean).join(", ");
  return doing[0].toUpperCase() + doing.slice(1);
}

/** See the module's text. */
export function SubmitJob() {
  const { by, text } = draft.value;
  const field = useRef<HTMLTextAreaElement>(null);
  const stop = useRef<AbortController | undefined>(undefined);
  const [progress, setProgress] = useState<Progress>();
  const [error, setError] = useState("");
  const [lacking, setLacking] = useState<number>();
  const client = session.value?.client, empty = text.trim() === "";
  const parsed = useMemo(() => read(text), [text]);
  const problems = parsed.ok || empty ? [] : parsed.problems;
  const jobs = parsed.ok ? parsed.value.jobs : [];
  const others = parsed.ok && Object.entries(parsed.value).some(([k, all]) => k !== "jobs" && all.length > 0);
  const files = filesOf(jobs), { found, error: missing } = useFound(files);
  const ready = found && jobs.length > 0 && !others;
  const wishes = useMemo(() => ready ? jobWishes(jobs, found.found) : undefined, [parsed, ready && found]);
  useEffect(() => setError(""), [text, chosen.value]);
  useEffect(() => {
    setLacking(undefined);
    if (!client || !found || !may("operator")) return;
    missingOf(client, found.uploads.map((u) => u.digest)).then(
      (absent) => setLacking(found.uploads.reduce((n, u) => n + (absent.has(u.digest) ? u.bytes : 0), 0)),
      () => {},
    );
  }, [client, found]);
  useEffect(() => () => stop.current?.abort(), []);

  const submit = async () => {
    if (!client || !wishes || !found || progress) return;
    const controller = new AbortController();
    stop.current = controller;
    setError("");
    setProgress({ files: 0, filesOf: 0, bytes: 0, bytesOf: 0 });
    try {
      const contents = found.uploads.map((u) => ({ digest: u.digest, size: u.bytes, open: () => u.open(0) }));
      await uploadMissing(client, contents, setProgress, controller.signal);
      controller.signal.throwIfAborted();
      for (const service of wishes.services) await client.command("app.deploy", service);
      for (const schedule of wishes.schedules) await client.command("job.schedule", schedule);
      if (!wishes.submit && wishes.schedules.length > 0) {
        say("Accepted: it runs at its times.");
        return go(to("jobs", SCHEDULED));
      }
      if (!wishes.submit) {
        say("Accepted: it is started and kept running.");
        return go(to("apps", wishes.services[0].app));
      }
      const { id } = await client.command("job.submit", wishes.submit);
      const ids = runIdsOf(id, wishes.submit.runs);
      say(ids.length === 1 ? `Accepted: ${ids[0]}.` : `Accepted: ${ids.length} runs.`);
      go(to("jobs", ids[0]));
    } catch (failure) {
      setError(
        controller.signal.aborted ? "The upload was stopped; nothing was submitted." : sentence(failure),
      );
    }
    setProgress(undefined);
  };
  const switchTo = (mode: "form" | "toml") => {
    if (mode === "toml") setText(text);
    else if (!toForm()) say("Mend what is wrong in the TOML first; the form shows jobs alone.", true);
  };
  return (
    <>
      <p class="crumbs">
        <a href="/jobs">Jobs</a>
      </p>
      <div class="title">
        <h1>Submit a job</h1>
        <span class="buttons" role="group" aria-label="Written by">
          <button type="button" aria-pressed={by === "form"} onClick={() => switchTo("form")}>Form</button>
          <button type="button" aria-pressed={by === "toml"} onClick={() => switchTo("toml")}>TOML</button>
        </span>
      </div>
      {by === "form"
        ? (
          <div class="columns">
            <Panel title={jobs.length > 1 ? "Pipeline" : "What to run"}>
              <JobForm problems={problems} />
            </Panel>
            <div class="beside">
              <Panel title="The same as a manifest">
                <Block text={text} what="the manifest" />
                <div id="manifest-problems" aria-live="polite">
                  <Problems of={problems} />
                </div>
              </Panel>
            </div>
          </div>
        )
        : (
          <Panel
            title="Manifest"
            aside={<small class="muted">Ctrl Space proposes tables, keys and values</small>}
          >
            <Editor value={text} change={setText} problems={problems} known={NOTHING} field={field} />
            <div id="manifest-problems" aria-live="polite">
              <Problems of={problems} field={field} />
              {empty && (
                <p class="muted">
                  Write [job] and [runtime], or [[jobs]] for a pipeline; docs/jobs.md lists every key.
                </p>
              )}
            </div>
            {empty && (
              <DropZone
                text="Drop a manifest here"
                accept=".toml"
                onDrop={(all) => void all[0]?.kind === undefined || void openManifest(all[0])}
              />
            )}
          </Panel>
        )}
      {others && (
        <p class="note">
          The manifest has tables besides its jobs. Apply it whole: <a href="/apply">Apply TOML</a>
        </p>
      )}
      {files.some(isLocal) && <Files of={files.filter(isLocal)} />}
      <Alert text={missing} />
      {wishes && found && <Preview wishes={wishes} files={found} lacking={lacking} />}
      <Alert text={error} />
      <div class="foot-line">
        {progress
          ? (
            <UploadProgress
              of={progress}
              text={`${bytes(progress.bytes)} of ${bytes(progress.bytesOf)} uploaded`}
              stop={() => stop.current?.abort()}
            />
          )
          : may("operator")
          ? (
            <button type="button" class="primary" disabled={!wishes} onClick={() => void submit()}>
              {wishes ? labelOf(wishes) : "Submit"}
            </button>
          )
          : <Empty text="Your role is viewer: an operator can submit it." />}
        <Command line={`realm job submit ${FILE}`} />
      </div>
    </>
  );
}

/** Larger files are no manifest: the schema's own bound is 1 MiB. */
const FILE_BYTES = 1024 * 1024;
async function openManifest(local: Local): Promise<void> {
  if (local.kind !== "file") return say("A manifest is a file.", true);
  const file = await local.open();
  if (file.size > FILE_BYTES) return say(`${local.name} is larger than ${bytes(FILE_BYTES)}.`, true);
  setText((await file.text()).replaceAll("\r\n", "\n"));
}
