/** What can be done with an app. */
import type { AppView, RevisionView } from "../../../mod.ts";
import { quote } from "../format.ts";
import { type Action, replicasIn, wrongReplicas } from "./action.ts";

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

/** Back to an earlier deploy. */
export const rollbackTo = (app: string, r: RevisionView): Action => ({
  label: "Roll back",
  icon: "back",
  role: "operator",
  title: `Roll ${app} back to deploy ${r.number}?`,
  text: `Version ${r.version} replaces what runs now. Volumes keep their content.`,
  command: () => `realm app rollback ${quote(app)} ${r.number}`,
  run: (c) => c.command("app.rollback", { app, revision: r.id }),
});
