/** `realm policy …`. */
import {
  nearest,
  type PolicyRule,
  policyRules,
  type PolicySettings,
  readPolicyValue,
  shortId,
} from "../mod.ts";
import { connect } from "./connection.ts";
import { type Cell, print, table } from "./display.ts";
import { type Handler, text, UsageError } from "./invocation.ts";
import { nodeNamed } from "./node.ts";
import { show as showing } from "./watching.ts";

const rules = Object.keys(policyRules) as PolicyRule[];
const shown = (value: unknown): string =>
  Array.isArray(value) ? value.join(",") || "(none)" : value === undefined ? "" : String(value);

/** Rules of the realm, and what holds on each node. */
export const show: Handler = async (i) => {
  const client = await connect(i, "read");
  await showing(i, () => client.policy(), ({ realm, defaults, nodes }) => {
    const from = (rule: PolicyRule, own: PolicySettings, file: PolicySettings | undefined): string =>
      file && rule in file
        ? "policy.toml"
        : rule in own
        ? "this node"
        : rule in realm
        ? "the realm"
        : "default";
    const row = (where: string, rule: PolicyRule, value: unknown, by: string): readonly Cell[] => [
      where,
      rule,
      shown(value),
      by,
    ];
    return table(i.terminal, ["WHERE", "RULE", "VALUE", "SET BY"], [
      ...rules.map((rule) =>
        row("realm", rule, { ...defaults, ...realm }[rule], rule in realm ? "the realm" : "default")
      ),
      ...nodes.flatMap(({ name, own, file, effective }) =>
        rules.map((rule) => row(name, rule, effective[rule], from(rule, own, file)))
      ),
    ]);
  });
};

/** Sets one rule. */
export const set: Handler = async (i) => {
  const [, name, written] = /^([^=]*)=(.*)$/s.exec(i.args[0]) ?? [];
  if (name === undefined) {
    throw new UsageError(`'${i.args[0]}' sets nothing; write RULE=VALUE, as allow_native_execution=true`);
  }
  const rule = rules.find((r) => r === name);
  if (!rule) {
    const near = nearest(name, rules);
    throw new UsageError(
      `there is no rule '${name}'; ${near ? `did you mean '${near}'?` : `there are ${rules.join(", ")}`}`,
    );
  }
  const read = readPolicyValue(rule, written);
  if (!read.ok) throw new UsageError(`${read.message}, not '${written}'`);
  const { value } = read;
  const client = await connect(i, "write");
  const wanted = text(i, "node");
  const node = wanted === undefined ? undefined : await nodeNamed(client, wanted);
  const done = await client.command("policy.set", {
    rule,
    value,
    ...(node ? { node: node.id } : {}),
  });
  const where = node ? `on ${node.name}` : "in the realm";
  print(
    i,
    done,
    () =>
      value === null
        ? `${rule} is not set ${where} any more (command ${shortId(done.id)}).\n`
        : `${rule} = ${shown(value)} ${where} (command ${shortId(done.id)}).\n`,
  );
};
