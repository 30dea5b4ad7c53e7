/** What can be done with an app. */
import type { AppView, RevisionView } from "../../../mod.ts";
import { quote, table } from "../format.ts";
import { type Action, replicasIn, wrongReplicas } from "./action.ts";

/** A manifest that wishes the app as it is but for package and replicas; empty while its package is unknown. */
const appToml = (a: AppView, digest: string | undefined, replicas: number | "all"): string =>
  digest === undefined ? "" : table("app", {
    package: digest,
    name: a.name,
    replicas,
    tags: a.tags.length > 0 ? a.tags : undefined,
    strategy: a.strategy === "rolling" ? undefined : a.strategy,
  });

/** What can be done with an app in its present state. */
export function appActions(a: AppView): Action[] {
  if (a.phase === "removed") return [];
  const app = a.name;
  return [{
    label: "Scale",
    icon: "scale",
    role: "operator",
    title: `Scale ${app}`,
    text: "How many replicas run at the same time.",
    fields: [{
      name: "replicas",
      label: "Replicas",
      kind: "text",
      initial: String(a.wanted),
      hint: "a number, or all: one on each node that fits",
      wrong: wrongReplicas,
    }],
    command: ({ replicas }) => `realm app scale ${quote(app)} ${quote(replicas.trim())}`,
    toml: ({ replicas }) => appToml(a, a.package, replicasIn(replicas)),
    run: (c, { replicas }) => c.command("app.scale", { app, replicas: replicasIn(replicas) }),
  }, {
    label: "Remove",
    icon: "trash",
    role: "operator",
    title: `Remove ${app}?`,
    text: "It stops on all nodes and its routes end. Its volumes stay unless you say otherwise.",
    danger: true,
    typed: app,
    ...(a.volumes.length > 0 && {
      fields: [{ name: "volumes", label: "Also delete its volumes, for ever", kind: "check" }],
    }),
    command: ({ volumes }) => `realm app remove ${quote(app)}${volumes ? " --volumes" : ""}`,
    run: (c, { volumes }) => c.command("app.remove", { app, volumes: Boolean(volumes) }),
  }];
}

/** The deploy to which an app goes back; `undefined` where none stood before. */
export const deployBefore = (history: readonly RevisionView[] | undefined): RevisionView | undefined =>
  history?.find((r) => r.state === "past");

/** Back to an earlier deploy. */
export const rollbackTo = (a: AppView, r: RevisionView): Action => ({
  label: "Roll back",
  icon: "back",
  role: "operator",
  title: `Roll ${a.name} back to deploy ${r.number}?`,
  text: `Version ${r.version} replaces what runs now. Volumes keep their content.`,
  command: () => `realm app rollback ${quote(a.name)} ${r.number}`,
  toml: () => appToml(a, r.package, a.wanted),
  run: (c) => c.command("app.rollback", { app: a.name, revision: r.id }),
});
