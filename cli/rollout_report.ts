/** How the end of a rollout is told. */
import { paint, plain } from "./display.ts";
import type { RolloutEnd } from "./following.ts";
import { flag, type Invocation } from "./invocation.ts";

/** Prints the end; the exit code. */
export function reportEnd(i: Invocation, end: RolloutEnd): number {
  const { app } = end, t = i.terminal;
  if (flag(i, "json")) t.out(JSON.stringify(end, null, 2) + "\n");
  if (end.ok) {
    if (flag(i, "json")) return 0;
    const n = app.healthy;
    t.out(
      `${paint(t, "green", "healthy")}: ${app.name} ${app.version ?? ""} with ${n} ${
        n === 1 ? "replica" : "replicas"
      }\n`,
    );
    for (const link of app.links) t.out(`  ${plain(link)}\n`);
    return 0;
  }
  const [reason, ...log] = plain(end.reason).split("\n");
  const back = app.phase === "rolled_back" || app.phase === "steady"
    ? `rolled back to ${app.version ?? "the version before"}`
    : "failed";
  t.err(`${paint(t, "red", back)}: ${app.name}: ${reason}\n`);
  for (const line of log.slice(-20)) t.err(`  ${paint(t, "dim", line)}\n`);
  t.err(`See 'realm app logs ${app.name}' and 'realm why ${app.name}'.\n`);
  return 1;
}
