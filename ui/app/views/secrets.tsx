/** Secrets: what each is for, who can open it, and what is to be done about it. Values are nowhere. */
import type { NodeRef, SecretScope, SecretView } from "../../../mod.ts";
import { secretActions } from "../actions/secret_actions.ts";
import { Buttons } from "../confirm.tsx";
import { Icon } from "../icons.tsx";
import { audited } from "../live.ts";
import { Empty, Facts, Id, Name, noSuch, Panel, State, Table, Tags, Time, useFetched } from "../parts.tsx";
import { to } from "../router.ts";
import { may } from "../session.ts";
import { shortId } from "../../../mod.ts";
import { setting } from "../setting_secret.ts";
import { SetSecret } from "./set_secret.tsx";

/** Nodes named one by one. */
const NAMED = 60;

/** In one word. */
const stateOf = ({ exposed, waiting, holders }: SecretView): string =>
  exposed.length > 0 ? "expired" : holders.length === 0 ? "missing" : waiting.length > 0 ? "pending" : "ok";
/** In words that say what to do. */
const STATES: Readonly<Record<string, string>> = {
  expired: "set another value",
  missing: "no node can open it",
  pending: "being given to nodes",
  ok: "ok",
};
const SecretState = ({ of }: { of: SecretView }) => {
  const state = stateOf(of);
  return (
    <span class={`state ${state === "ok" ? "good" : state === "pending" ? "warn" : "bad"}`}>
      <i aria-hidden="true" />
      {STATES[state]}
    </span>
  );
};

const Scope = ({ of: { jobs, branches, tags } }: { of: SecretScope }) => {
  if (jobs.length + branches.length + tags.length === 0) return <span class="muted">every job and node</span>;
  return (
    <span class="scope">
      {jobs.length > 0 && (
        <span>
          jobs <Tags tags={jobs} />
        </span>
      )}
      {branches.length > 0 && (
        <span>
          branches <Tags tags={branches} />
        </span>
      )}
      {tags.length > 0 && (
        <span>
          nodes <Tags tags={tags} />
        </span>
      )}
    </span>
  );
};

const Nodes = ({ of }: { of: readonly NodeRef[] }) => (
  <>
    {of.slice(0, NAMED).map((n, i) => (
      <span key={n.node}>
        {i > 0 && ", "}
        <a href={to("nodes", n.node)}>
          <Name text={n.name} />
        </a>
      </span>
    ))}
    {of.length > NAMED && ` and ${of.length - NAMED} others`}
  </>
);

/** All secrets. */
export function Secrets() {
  const { value, error } = useFetched("secrets", (c) => c.secrets());
  return (
    <>
      <div class="title">
        <h1>Secrets</h1>
        {may("admin") && (
          <span class="buttons">
            <button type="button" onClick={() => setting.value = "new"}>
              <Icon is="lock" />
              Set a secret
            </button>
          </span>
        )}
      </div>
      <Panel title="What jobs can be given">
        {error && <p class="error">{error}</p>}
        {value?.length === 0 && (
          <Empty
            text="There is no secret yet. One that is set is encrypted for the nodes that are to have it; a job gets it as a variable or a file, and its log shows *** in its place."
            command="realm secret set NAME"
          />
        )}
        {value && value.length > 0 && (
          <Table
            label="Secrets"
            head={["Name", "For", "Nodes", "State", "Set"]}
            rows={value.map((s) => ({
              key: s.name,
              cells: [
                <a href={to("secrets", s.name)}>
                  <Name text={s.name} />
                </a>,
                <Scope of={s.scope} />,
                s.waiting.length > 0
                  ? `${s.holders.length} of ${s.holders.length + s.waiting.length}`
                  : s.holders.length,
                <SecretState of={s} />,
                <Time at={s.set_at} />,
              ],
            }))}
          />
        )}
      </Panel>
      {setting.value && <SetSecret of={setting.value} />}
    </>
  );
}

/** One secret. */
export function Secret({ name }: { name: string }) {
  const { value, error } = useFetched(`secrets ${name}`, (c) => c.secrets());
  const s = value?.find((x) => x.name === name);
  const uses = useFetched(
    `uses ${name}`,
    (c) => c.audit({ action: "secret.use", target: name, limit: 50 }),
    audited,
  );
  return (
    <>
      <p class="crumbs">
        <a href="/secrets">Secrets</a>
      </p>
      <div class="title">
        <h1>
          <Name text={name} />
        </h1>
        {s && <SecretState of={s} />}
        {s && (
          <span class="buttons">
            {may("admin") && (
              <button type="button" onClick={() => setting.value = s}>
                <Icon is="lock" />
                Another value
              </button>
            )}
            <Buttons of={secretActions(s)} />
          </span>
        )}
      </div>
      {error && <p class="error">{error}</p>}
      {value && !s && <Empty text={`${noSuch("secret")}.`} command={`realm secret set ${name}`} />}
      {s && s.exposed.length > 0 && (
        <p class="note">
          <Nodes of={s.exposed} /> can open this value and {s.exposed.length === 1 ? "is" : "are"}{" "}
          not to have it:
          {s.exposed.some((e) => e.why === "removed")
            ? " removed from the realm."
            : " not in its scope any more."}{" "}
          What was known once cannot be taken back: set another value, and make the old one useless where it
          was good for something.
        </p>
      )}
      {s && (
        <Panel title="What it is for">
          <Facts
            of={[
              ["Jobs", s.scope.jobs.length > 0 ? <Tags tags={s.scope.jobs} /> : "every job"],
              [
                "Branches",
                s.scope.branches.length > 0
                  ? <Tags tags={s.scope.branches} />
                  : "whatever the run is made of",
              ],
              ["Nodes", s.scope.tags.length > 0 ? <Tags tags={s.scope.tags} /> : "every node"],
              ["Can be opened by", s.holders.length > 0 ? <Nodes of={s.holders} /> : "no node"],
              ["Waits for", s.waiting.length > 0 && <Nodes of={s.waiting} />],
              [
                "Runs that use it now",
                s.runs.length > 0 &&
                s.runs.slice(0, NAMED).map((run) => (
                  <span key={run}>
                    <a href={to("jobs", run)}>
                      <Name text={run} />
                    </a>
                    {" "}
                  </span>
                )),
              ],
              ["Set", <Time at={s.set_at} />],
              [
                "By",
                <a href={to("keys", s.by)}>
                  <Id id={s.by} short={shortId(s.by)} />
                </a>,
              ],
              ["Version", <Id id={s.version} short={s.version.slice(0, 12)} />],
            ]}
          />
        </Panel>
      )}
      <Panel title="Uses, as this node recorded them">
        {uses.value?.length === 0 && (
          <Empty
            text="No run used it on this node. Each node records its own."
            command={`realm audit list --action secret.use --target ${name}`}
          />
        )}
        {uses.value && uses.value.length > 0 && (
          <Table
            label="Uses"
            head={["When", "By", "What", "Result"]}
            rows={uses.value.map((e) => ({
              key: String(e.n),
              cells: [
                <Time at={e.at} />,
                <Id id={e.actor} short={shortId(e.actor)} />,
                <Name text={e.detail ?? ""} />,
                <State is={e.result} />,
              ],
            }))}
          />
        )}
      </Panel>
      {setting.value && <SetSecret of={setting.value} />}
    </>
  );
}
