/** A job or a pipeline, written by form or as TOML, its files chosen here; submitted with what would run in sight. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import {
  fileKey,
  filesOf,
  findJobFiles,
  type FoundFiles,
  type JobFile,
  RealmError,
  runIdsOf,
  submissionOf,
  type SubmitWish,
} from "../../../mod.ts";
import { Block, Command } from "../copy.tsx";
import type { Local } from "../files/local_files.ts";
import { worldOf } from "../files/package_world.ts";
import { missingOf, type Progress, uploadMissing } from "../files/upload.ts";
import { bytes } from "../format.ts";
import { Icon } from "../icons.tsx";
import { chosen, draft, FILE, read, setText, toForm } from "../jobs/draft.ts";
import { JobForm } from "../jobs/form.tsx";
import { Bar, Empty, Name, Panel, say, sentence, Table } from "../parts.tsx";
import { go, to } from "../router.ts";
import { may, session } from "../session.ts";
import { Editor } from "../toml/editor.tsx";
import { Problems } from "../toml/problems.tsx";
import { DropZone } from "./drop_zone.tsx";

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
    findJobFiles(client, files, ({ name }) => {
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

const Preview = ({ wish, files, lacking }: { wish: SubmitWish; files: FoundFiles; lacking?: number }) => (
  <Panel
    title={wish.runs.length === 1 ? "1 run" : `${wish.runs.length} runs`}
    aside={<Command line={`realm job submit ${FILE} --plan`} />}
  >
    <Table
      label="What would run"
      head={["Job", "Matrix", "Needs", "Runtime", "Platform", "Nodes with", "Memory", "Priority"]}
      rows={wish.runs.slice(0, SHOWN).map((r, i) => ({
        key: String(i),
        cells: [
          <Name text={r.job} />,
          <Name text={Object.entries(r.matrix).map(([axis, v]) => `${axis}=${v}`).join(" ") || "–"} />,
          <Name text={r.needs.join(", ") || "–"} />,
          r.runtime,
          r.platform,
          <Name text={r.tags.join(" ") || "any tags"} />,
          `${r.memory_mb} MiB`,
          r.priority,
        ],
      }))}
    />
    {wish.runs.length > SHOWN && <p class="muted">The first {SHOWN} are here.</p>}
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
  const wish = found && jobs.length > 0 && !others ? submissionOf(jobs, found.found) : undefined;
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
    if (!client || !wish || !found || progress) return;
    const controller = new AbortController();
    stop.current = controller;
    setError("");
    setProgress({ files: 0, filesOf: 0, bytes: 0, bytesOf: 0 });
    try {
      const contents = found.uploads.map((u) => ({ digest: u.digest, size: u.bytes, open: () => u.open(0) }));
      await uploadMissing(client, contents, setProgress, controller.signal);
      controller.signal.throwIfAborted();
      const { id } = await client.command("job.submit", wish);
      const ids = runIdsOf(id, wish.runs);
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
      {missing && <p class="error" role="alert">{missing}</p>}
      {wish && found && <Preview wish={wish} files={found} lacking={lacking} />}
      {error && <p class="error" role="alert">{error}</p>}
      <div class="foot-line">
        {progress
          ? (
            <div class="progress" role="status">
              <Bar
                goal
                part={progress.bytes}
                whole={progress.bytesOf}
                text={progress.filesOf === 0
                  ? "asking what the realm lacks"
                  : `${bytes(progress.bytes)} of ${bytes(progress.bytesOf)} uploaded`}
              />
              <button type="button" onClick={() => stop.current?.abort()}>Stop</button>
            </div>
          )
          : may("operator")
          ? (
            <button type="button" class="primary" disabled={!wish} onClick={() => void submit()}>
              {wish && wish.runs.length > 1 ? `Submit ${wish.runs.length} runs` : "Submit"}
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
