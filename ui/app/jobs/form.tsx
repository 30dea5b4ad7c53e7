/** The form of a job, or of the jobs of a pipeline one at a time: its tables as sections that fold. */
import { type KnownKey, manifestKeys, showKey, type TomlProblem } from "../../../mod.ts";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../icons.tsx";
import { apps, nodes } from "../live.ts";
import { draft, newJob, type Path, type Raw, setJobs, valueAt, withValue } from "./draft.ts";
import { type Form, Keys, labelOf, List, Named } from "./fields.tsx";

/** Tables that most jobs have: they stand open. */
const OPEN = ["job", "schedule", "service", "runtime", "execution", "data"];
/** What a table or key is for: types of jobs or engines. Where a job is another, it is not asked for. */
const FOR: Readonly<Record<string, readonly string[]>> = {
  "job.schedule": [],
  schedule: ["recurring"],
  service: ["service"],
  trigger: ["one-shot"],
  "job.needs": ["one-shot", "recurring"],
  matrix: ["one-shot", "recurring"],
  step: ["native", "container", "qemu", "vm"],
  "runtime.wasm": ["wasm"],
  "runtime.binary": ["native", "qemu"],
  "runtime.image": ["container", "vm"],
  "runtime.cpu_cores": ["native", "container", "qemu", "vm"],
  "runtime.pids": ["native", "container", "qemu", "vm"],
  "runtime.gpu": ["native", "container", "vm"],
  "execution.working_dir": ["native", "container", "qemu", "vm"],
};

/** Where an input comes from, and what else is asked for then. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  path: [],
  git: ["ref", "depth", "submodules", "credential"],
  asset: [],
  run: ["output"],
};

/** Of an input one source is asked for, and what belongs to it. */
function askedOfInput(input: Raw, key: string): boolean {
  const source = Object.keys(SOURCES).find((name) => input[name] !== undefined);
  if (Object.hasOwn(SOURCES, key)) return source === undefined || source === key;
  const belongs = Object.entries(SOURCES).find(([, more]) => more.includes(key));
  return belongs === undefined || belongs[0] === source;
}

/** Whether a job of this kind is asked for a table or key; what is there already always is. */
function asked(job: Raw, path: Path): boolean {
  if (valueAt(job, path) !== undefined) return true;
  if (path.length === 4 && path[1] === "inputs") {
    return askedOfInput(valueAt(job, path.slice(0, 3)) as Raw, String(path[3]));
  }
  const kinds = FOR[path.join(".")];
  return kinds === undefined || kinds.includes(String(valueAt(job, ["job", "type"]))) ||
    kinds.includes(String(valueAt(job, ["runtime", "type"])));
}

const TITLES: Readonly<Record<string, string>> = {
  step: "Steps",
  env: "Environment",
  data: "Inputs and outputs",
};
const titleOf = (table: string): string => TITLES[table] ?? labelOf(table);

function Section({ of, form }: { of: KnownKey; form: Form }) {
  const table = valueAt(form.job, [of.key]);
  const count = Array.isArray(table) ? table.length : Object.keys((table ?? {}) as Raw).length;
  const wrong = form.problem([of.key], true) !== undefined;
  const [open, setOpen] = useState(OPEN.includes(of.key) || count > 0);
  // It opens where something is wrong, and stays so.
  useEffect(() => {
    if (wrong) setOpen(true);
  }, [wrong]);
  return (
    <details class="section" open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>
        <h3>{titleOf(of.key)}</h3> <small class="muted">{of.text.replaceAll("`", "")}</small>
        {wrong
          ? <small class="state bad">see below</small>
          : count > 0 && <small class="tag">{count} set</small>}
      </summary>
      <Content of={of} form={form} />
    </details>
  );
}

function Content({ of, form }: { of: KnownKey; form: Form }) {
  const path = [of.key], wrong = form.problem(path);
  const about = { name: titleOf(of.key), text: "", form, path, wrong };
  if (of.form === "tables") return <List {...about} />;
  if (of.form === "texts") return <Named {...about} name="Variable" />;
  if (of.form === "named") return <Named {...about} name="Secret" tables />;
  const said = wrong && <p class="error">{wrong.message}{wrong.hint && `; ${wrong.hint}`}</p>;
  if (of.key !== "matrix") {
    return (
      <>
        {said}
        <Keys form={form} path={path} />
      </>
    );
  }
  const settings = manifestKeys(path).map((k) => k.key);
  return (
    <>
      {said}
      <Named
        name="Axis"
        text="A name and its values, separated by spaces: {matrix.NAME} stands for the value"
        form={form}
        path={path}
        lists
        leave={settings}
      />
      <Keys form={form} path={path} />
    </>
  );
}

const words = (of: readonly { readonly tags: readonly string[] }[] | undefined): readonly string[] =>
  [...new Set((of ?? []).flatMap((n) => n.tags))].sort();
const NO_WORDS: readonly string[] = [];

/** See the module's text. `problems`: what the parser says of the text that the form makes. */
export function JobForm({ problems }: { problems: readonly TomlProblem[] }) {
  const { jobs, at } = draft.value, job = jobs[at];
  const prefix: Path = jobs.length > 1 ? ["jobs", at] : [];
  const form: Form = {
    job,
    set: (path, value) => setJobs(draft.value.jobs.with(at, withValue(job, path, value))),
    problem(path, deep = false) {
      const key = showKey([...prefix, ...path]);
      return problems.find((p) => p.key === key) ??
        (deep ? problems.find((p) => p.key.startsWith(`${key}.`) || p.key.startsWith(`${key}[`)) : undefined);
    },
    asked: (path) => asked(job, path) && (path[1] !== "needs" || jobs.length > 1),
    known(path) {
      const key = path.filter((p) => typeof p === "string").join(".");
      if (key === "targeting.tags") return words(nodes.value);
      if (key === "targeting.node_ids") return (nodes.value ?? []).map((n) => n.id);
      if (key === "job.needs") return jobs.filter((_, i) => i !== at).map(nameOf);
      if (key === "service.ports.route") return (apps.value ?? []).map((a) => `${a.name}.my-realm`);
      return NO_WORDS;
    },
  };
  const add = () => setJobs([...jobs, newJob(`job-${jobs.length + 1}`)], jobs.length);
  return (
    <div class="job-form">
      <div class="jobs-of" role="group" aria-label="Jobs of the pipeline">
        {jobs.length > 1 && jobs.map((other, i) => (
          <button
            key={i}
            type="button"
            aria-pressed={i === at}
            onClick={() => setJobs(jobs, i)}
          >
            {nameOf(other) || `job ${i + 1}`}
          </button>
        ))}
        <button type="button" class="quiet" onClick={add}>
          <Icon is="plus" /> {jobs.length > 1 ? "Job" : "A second job: make it a pipeline"}
        </button>
        {jobs.length > 1 && (
          <button
            type="button"
            class="quiet"
            onClick={() => setJobs(jobs.filter((_, i) => i !== at), 0)}
          >
            <Icon is="trash" /> Remove {nameOf(job) || "this job"}
          </button>
        )}
      </div>
      {/* What a field holds while it is typed into belongs to one job. */}
      <div key={at}>
        {manifestKeys(["jobs"]).filter((k) => asked(job, [k.key])).map((k) => (
          <Section key={k.key} of={k} form={form} />
        ))}
      </div>
    </div>
  );
}
const nameOf = (job: Raw): string => String(valueAt(job, ["job", "name"]) ?? "");
