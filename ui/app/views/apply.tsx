/** Apply TOML: write a manifest, see what is wrong and what it would change, then apply it step by step. */
import { effect, signal } from "@preact/signals";
import { useRef, useState } from "preact/hooks";
import {
  isDigest,
  type ManifestStep,
  manifestSteps,
  type PackageReader,
  parseRealmManifest,
  readPackage,
  RealmError,
  type RealmManifest,
  type Role,
  shortId,
} from "../../../mod.ts";
import { table } from "../format.ts";
import { Command } from "../copy.tsx";
import type { Local } from "../files/local_files.ts";
import { worldOf } from "../files/package_world.ts";
import { uploadPackage } from "../files/upload.ts";
import { bytes } from "../format.ts";
import { Icon } from "../icons.tsx";
import { apps, nodes } from "../live.ts";
import { Alert, Panel, say, sentence } from "../parts.tsx";
import { go, to } from "../router.ts";
import { may, session } from "../session.ts";
import { Editor } from "../toml/editor.tsx";
import { Problems } from "../toml/problems.tsx";
import type { Proposal } from "../toml/completion.ts";
import { takeJobs } from "../jobs/draft.ts";
import { DropZone } from "./drop_zone.tsx";
import { NEW_JOB } from "./jobs.tsx";
import { local } from "./packages.tsx";
import { Plan } from "./plan.tsx";

const FILE = "manifest.toml";
/** Larger files are no manifest: the schema's own bound is 1 MiB. */
const FILE_BYTES = 1024 * 1024;
const draft = signal("");
/** Packages that the manifest names by path, as far as they were chosen here. */
const chosen = signal<ReadonlyMap<string, PackageReader>>(new Map());
effect(() => {
  // What one person wrote is not shown to the next.
  if (session.value) return;
  draft.value = "";
  chosen.value = new Map();
});

const roleOf = ({ keys, policies, secrets }: RealmManifest): Role =>
  keys.length + policies.length + secrets.length > 0 ? "admin" : "operator";
const baseName = (path: string): string => path.replace(/[/\\]+$/, "").replace(/^.*[/\\]/, "");

function packageAt(path: string): PackageReader | undefined {
  const opened = local.value;
  return chosen.value.get(path) ?? (opened?.from.name === baseName(path) ? opened.reader : undefined);
}

/** Ids that the realm knows, each with the name that people know it by. */
function known(_: string, key: string): readonly Proposal[] {
  if (key === "node") return (nodes.value ?? []).map((n) => ({ text: JSON.stringify(n.id), hint: n.name }));
  if (key === "name") return (apps.value ?? []).map((a) => ({ text: JSON.stringify(a.name), hint: "app" }));
  return [];
}

const EXAMPLES: readonly (readonly [string, () => string])[] = [
  ["app", () => table("app", { package: local.value?.from.name ?? "my-app.realm", replicas: 2, tags: [] })],
  [
    "node",
    () => table("node", { node: nodes.value?.find((n) => n.self)?.id ?? "12D3KooW…", tags: ["production"] }),
  ],
  [
    "key",
    () =>
      table("key", {
        key: "z6Mk…",
        role: "operator",
        until: new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10),
        name: "deployer",
      }),
  ],
  ["pin", () => table("pin", { digest: "…", name: "data", copies: 2 })],
  ["policy", () => table("policy", { allow_native_execution: true })],
  ["secret", () => table("secret", { name: "registry-token", jobs: ["publish-*"] })],
];

/** What was planned, of one text and the packages chosen for it: with the next stroke it is none any more. */
interface Planned {
  readonly text: string;
  readonly packages: ReadonlyMap<string, PackageReader>;
  readonly steps?: readonly ManifestStep[];
  readonly error?: string;
}
type Progress = { readonly at: number; readonly text: string; readonly failed?: boolean };

/** See the module's text. */
export function Apply() {
  const text = draft.value;
  const field = useRef<HTMLTextAreaElement>(null);
  const [planned, setPlanned] = useState<Planned>();
  const [unread, setUnread] = useState("");
  const [busy, setBusy] = useState(false);
  const [progress, setProgress] = useState<Progress>();
  const parsed = parseRealmManifest(text, { file: FILE });
  const empty = text.trim() === "";
  const problems = parsed.ok || empty ? [] : parsed.problems;
  const jobs = parsed.ok ? parsed.value.jobs : [];
  const onlyJobs = parsed.ok &&
    Object.entries(parsed.value).every(([k, all]) => k === "jobs" || all.length === 0);
  const role = parsed.ok ? roleOf(parsed.value) : "operator";
  const paths = parsed.ok ? parsed.value.apps.map((a) => a.package).filter((p) => !isDigest(p)) : [];
  const lacking = paths.filter((p) => !packageAt(p));
  const client = session.value?.client;
  const packages = chosen.value;
  const stands = planned?.text === text && planned.packages === packages ? planned : undefined;
  const steps = stands?.steps, error = stands?.error ?? unread;

  const plan = async () => {
    if (!client || !parsed.ok) return;
    setBusy(true);
    setUnread("");
    setPlanned(undefined);
    setProgress(undefined);
    try {
      const steps = await manifestSteps(client, { ...parsed.value, jobs: [] }, {
        open: (path) => {
          const reader = packageAt(path);
          return reader
            ? Promise.resolve(reader)
            : Promise.reject(new RealmError("not_found", `choose ${path}`));
        },
        credentials: () => session.value!.credentials(),
      });
      setPlanned({ text, packages, steps });
    } catch (failure) {
      setPlanned({ text, packages, error: sentence(failure) });
    }
    setBusy(false);
  };
  const apply = async () => {
    if (!client || !steps) return;
    setBusy(true);
    for (const [at, step] of steps.entries()) {
      setProgress({ at, text: "…" });
      try {
        if (step.kind === "deploy") {
          if (step.reader) {
            await uploadPackage(
              client,
              step.reader,
              (p) => setProgress({ at, text: `${bytes(p.bytes)} of ${bytes(p.bytesOf)} uploaded` }),
              signedIn.signal,
            );
          }
          await client.command("app.deploy", step.wish);
        } else if (step.kind === "scale") {
          await client.command("app.scale", { app: step.app, replicas: step.replicas });
        } else await step.run();
      } catch (failure) {
        setProgress({ at, text: sentence(failure), failed: true });
        return setBusy(false);
      }
    }
    setProgress({ at: steps.length, text: "" });
    setBusy(false);
    say("Accepted. The realm works on it.");
  };
  const open = async (all: readonly Local[]) => {
    if (all[0]?.kind !== "file") return;
    const file = await all[0].open();
    if (file.size > FILE_BYTES) return setUnread(`${all[0].name} is larger than ${bytes(FILE_BYTES)}`);
    setUnread("");
    draft.value = (await file.text()).replaceAll("\r\n", "\n");
  };
  const add = (example: string) => {
    draft.value = (empty ? "" : `${text.replace(/\n*$/, "")}\n\n`) + example;
    field.current?.focus();
  };
  return (
    <>
      <div class="title">
        <h1>Apply TOML</h1>
        <span class="buttons">
          {EXAMPLES.map(([name, make]) => (
            <button key={name} type="button" onClick={() => add(make())}>
              <Icon is="plus" />[{name}]
            </button>
          ))}
        </span>
      </div>
      <Panel
        title="Manifest"
        aside={<small class="muted">Ctrl Space proposes tables, keys and values</small>}
      >
        <Editor
          value={text}
          change={(t) => draft.value = t}
          problems={problems}
          known={known}
          field={field}
        />
        <div id="manifest-problems" aria-live="polite">
          <Problems of={problems} field={field} />
          {empty && (
            <p class="muted">
              A manifest says what shall be: apps, nodes, keys, pins, rules, secrets, jobs. Begin with one of
              the tables above, or open a file.
            </p>
          )}
        </div>
        {empty && <DropZone text="Drop a manifest here" accept=".toml" onDrop={(all) => void open(all)} />}
        {lacking.map((path) => <Missing key={path} path={path} />)}
        <Alert text={error} />
        <div class="foot-line">
          <button
            type="button"
            class={steps ? "" : "primary"}
            disabled={!parsed.ok || onlyJobs || lacking.length > 0 || busy}
            onClick={() => void plan()}
          >
            Plan
          </button>
          <Command line={`realm apply ${FILE} --plan`} />
        </div>
      </Panel>
      {jobs.length > 0 && (
        <p class="note">
          {jobs.length === 1 ? "The job" : `The ${jobs.length} jobs`}{" "}
          of the manifest may need files of your machine:{" "}
          <button
            type="button"
            class="link"
            onClick={() => (takeJobs(jobs), go(to("jobs", NEW_JOB)))}
          >
            {jobs.length === 1 ? "submit it there" : "submit them there"}
          </button>
        </p>
      )}
      {steps && (
        <Panel title="What it changes" aside={<Command line={`realm apply ${FILE}`} />}>
          {steps.length === 0 && <p>Nothing: all of it stands already.</p>}
          <ol class="steps">
            {steps.map((step, i) => <Step key={step.says} step={step} at={i} progress={progress} />)}
          </ol>
          {steps.length > 0 && progress?.at !== steps.length && (may(role)
            ? (
              <button type="button" class="primary" disabled={busy} onClick={() => void apply()}>
                {steps.length === 1 ? "Apply" : `Apply ${steps.length} changes`}
              </button>
            )
            : <p class="note">It needs the role {role}; yours is {session.value?.role}.</p>)}
        </Panel>
      )}
    </>
  );
}

/** Stops uploads of a person who has signed out. */
const signedIn = {
  get signal(): AbortSignal {
    return session.value?.end.signal ?? AbortSignal.abort();
  },
};

function Missing({ path }: { path: string }) {
  const [error, setError] = useState("");
  const take = async (all: readonly Local[]) => {
    if (all.length !== 1) return setError("one file or folder");
    try {
      const reader = await readPackage(worldOf(all[0]), all[0].name);
      chosen.value = new Map([...chosen.value, [path, reader]]);
    } catch (failure) {
      setError(sentence(failure));
    }
  };
  return (
    <>
      <DropZone
        text={`The manifest names ${path.slice(0, 80)}: drop it here`}
        accept=".realm"
        folders
        onDrop={(all) => void take(all)}
      />
      {error && (
        <div class="error" role="alert">
          <pre class="wrapped">{error}</pre>
        </div>
      )}
    </>
  );
}

function Step({ step, at, progress }: { step: ManifestStep; at: number; progress?: Progress }) {
  const state = !progress || progress.at < at
    ? "waiting"
    : progress.at > at
    ? "done"
    : progress.failed
    ? "failed"
    : "running";
  const app = step.kind === "deploy" ? step.wish.app : step.kind === "scale" ? step.app : undefined;
  return (
    <li class={state}>
      <Icon is={state === "done" ? "check" : state === "failed" ? "warn" : "right"} />
      <div>
        <b>{step.says}</b>
        {state === "done" && app && (
          <>
            {" · "}
            <a href={to("apps", app)}>see {app}</a>
          </>
        )}
        {(state === "running" || state === "failed") && progress && (
          <span class={state === "failed" ? "state bad" : "muted"} role="status">{progress.text}</span>
        )}
        {step.kind === "deploy" && state !== "done" && <Plan plan={step.plan} />}
        {step.kind === "deploy" && !step.reader && (
          <small class="muted">package {shortId(step.wish.spec.package)} is in the realm</small>
        )}
      </div>
    </li>
  );
}
