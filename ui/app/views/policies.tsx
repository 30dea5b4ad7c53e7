/** Policies: what nodes may run, rule by rule; what holds on each node, and which word it rests on. */
import { type PolicyRule, policyRules, type PolicyView } from "../../../mod.ts";
import { policyText, setRule } from "../actions/policy_actions.ts";
import { nodeWord } from "../actions/node_actions.ts";
import { Buttons } from "../confirm.tsx";
import { nodes } from "../live.ts";
import { Empty, Name, noSuch, Panel, Table, useFetched } from "../parts.tsx";
import { to } from "../router.ts";

type NodePolicy = PolicyView["nodes"][number];

const rules = Object.keys(policyRules) as PolicyRule[];
const shown = (value: unknown): string => policyText(value) || "none";

/** Who said what holds for the realm. */
const realmSays = (view: PolicyView, rule: PolicyRule): string =>
  rule in view.realm ? "set for the realm" : "default";
/** Whether a node's own file makes a rule narrower than commands do. */
const narrowed = (view: PolicyView, n: NodePolicy, rule: PolicyRule): boolean =>
  JSON.stringify(n.effective[rule]) !== JSON.stringify({ ...view.defaults, ...view.realm, ...n.own }[rule]);
/** Who said what holds on a node. */
const nodeSays = (view: PolicyView, n: NodePolicy, rule: PolicyRule): string =>
  narrowed(view, n, rule) ? "its policy.toml" : rule in n.own ? "set for it" : realmSays(view, rule);

const Value = ({ value, by, own }: { value: unknown; by: string; own: boolean }) => (
  <span class="policy">
    <code>{shown(value)}</code>
    <small class={own ? "own" : "muted"}>{by}</small>
  </span>
);

/** All rules, and what holds where. */
export function Policies() {
  const { value: view, error } = useFetched("policy", (c) => c.policy());
  return (
    <>
      <div class="title">
        <h1>Policies</h1>
        <span class="muted">What nodes may run. What is privileged is refused until it is allowed.</span>
      </div>
      {error && <p class="error">{error}</p>}
      {view && (
        <Panel title="In the whole realm">
          <Table
            label="Rules of the realm"
            head={["Rule", "Value", "By", "Action"]}
            rows={rules.map((rule) => ({
              key: rule,
              cells: [
                <Rule rule={rule} />,
                <code>{shown({ ...view.defaults, ...view.realm }[rule])}</code>,
                realmSays(view, rule),
                <Buttons of={[setRule(rule, view.realm[rule])]} />,
              ],
            }))}
          />
        </Panel>
      )}
      {view && (
        <Panel title="What holds on each node">
          {view.nodes.length === 0 ? <Empty text="The realm has no node." command="realm invite" /> : (
            <Table
              label="Nodes and their rules"
              head={["Node", ...rules.map((rule) => rule.replaceAll("_", " "))]}
              rows={view.nodes.map((n) => ({
                key: n.node,
                cells: [
                  <a href={to("policies", n.node)}>
                    <Name text={n.name} />
                  </a>,
                  ...rules.map((rule) => (
                    <Value
                      value={n.effective[rule]}
                      by={nodeSays(view, n, rule)}
                      own={rule in n.own || narrowed(view, n, rule)}
                    />
                  )),
                ],
              }))}
            />
          )}
        </Panel>
      )}
    </>
  );
}

const Rule = ({ rule }: { rule: PolicyRule }) => (
  <span class="rule">
    <code>{rule}</code>
    <small class="muted">{policyRules[rule]}</small>
  </span>
);

/** One node's rules, with every word that bears on them. */
export function NodePolicies({ name }: { name: string }) {
  const { value: view, error } = useFetched("policy", (c) => c.policy());
  const n = view?.nodes.find((x) => x.node === name);
  const known = nodes.value?.find((x) => x.id === name);
  return (
    <>
      <p class="crumbs">
        <a href="/policies">Policies</a>
      </p>
      <div class="title">
        <h1>{view && !n ? noSuch("node") : <Name text={n?.name ?? name} />}</h1>
        {n && <a href={to("nodes", name)}>The node itself</a>}
      </div>
      {error && <p class="error">{error}</p>}
      {view && !n && <Empty text="No member of the realm is called so." command="realm node list" />}
      {view && n && (
        <Panel title="What holds there, and by whose word">
          <Table
            label="Rules of the node"
            head={["Rule", "Default", "Realm", "This node", "policy.toml", "Holds", "Action"]}
            rows={rules.map((rule) => {
              const says = (from: object, value: unknown) => rule in from ? <code>{shown(value)}</code> : "–";
              return {
                key: rule,
                cells: [
                  <Rule rule={rule} />,
                  <code class="muted">{shown(view.defaults[rule])}</code>,
                  says(view.realm, view.realm[rule]),
                  says(n.own, n.own[rule]),
                  says(n.file ?? {}, n.file?.[rule]),
                  <Value
                    value={n.effective[rule]}
                    by={nodeSays(view, n, rule)}
                    own={rule in n.own || narrowed(view, n, rule)}
                  />,
                  <Buttons
                    of={[setRule(rule, n.own[rule], {
                      node: n.node,
                      name: n.name,
                      word: known ? nodeWord(known) : n.node,
                    })]}
                  />,
                ],
              };
            })}
          />
          <p class="muted">
            What is set for the node holds before what is set for the realm. Its own file policy.toml, in its
            data directory, can only narrow that.
          </p>
        </Panel>
      )}
    </>
  );
}
