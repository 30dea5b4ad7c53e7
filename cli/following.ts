/** Following what a command set off, to its end. */
import {
  type AppView,
  countReplicas,
  type Digest,
  isAbsence,
  type RealmClient,
  RealmError,
  type ReplicaView,
} from "../mod.ts";
import { bytes, paint, plain, stateCell } from "./display.ts";
import { flag, type Invocation } from "./invocation.ts";

/** How often the node is asked. A change is then seen at once for a person, and costs the node nothing. */
const POLL_MS = 100;
/** A rollout that does not move for this long is explained. */
const EXPLAIN_MS = 5_000;
/** The node may go away for a moment (a restart, a controller's death) while something is followed. */
const ABSENCE_MS = 30_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until `probe` says true. Throws `timed_out` with `message` after `ms`. */
export async function until(ms: number, message: string, probe: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + ms;
  let absentSince: number | undefined;
  for (;;) {
    try {
      if (await probe()) return;
      absentSince = undefined;
    } catch (error) {
      if (!isAbsence(error)) throw error;
      absentSince ??= performance.now();
      if (performance.now() - absentSince > ABSENCE_MS) throw error;
    }
    if (performance.now() > end) throw new RealmError("timed_out", message);
    await pause(POLL_MS);
  }
}

function replicaLine(i: Invocation, r: ReplicaView): string {
  const cell = stateCell(r.state) as { text: string; colour: "red" };
  const fetched = r.state === "fetching" && r.progress && r.progress.total > 0
    ? ` ${bytes(r.progress.done)} of ${bytes(r.progress.total)}`
    : "";
  const why = r.reason ? `: ${plain(r.reason).split("\n")[0]}` : "";
  return `  ${plain(r.node_name).padEnd(16)} ${paint(i.terminal, cell.colour, cell.text)}${fetched}${why}\n`;
}

/** Prints each change of a replica's state once. */
function progressPrinter(i: Invocation): (app: AppView, of: (r: ReplicaView) => boolean) => void {
  const told = new Map<string, string>();
  return (app, of) => {
    if (flag(i, "json")) return;
    for (const r of app.replicas.filter(of)) {
      // Bytes change all the time: only quarters are told.
      const quarter = r.progress && r.progress.total > 0
        ? Math.floor(r.progress.done * 4 / r.progress.total)
        : 0;
      const key = `${r.state} ${r.state === "fetching" ? quarter : ""} ${r.reason ?? ""}`;
      if (told.get(r.id) === key) continue;
      told.set(r.id, key);
      i.terminal.err(replicaLine(i, r));
    }
  };
}

/** Why nothing moves, in one sentence. */
async function explain(i: Invocation, client: RealmClient, app: string): Promise<void> {
  try {
    const { reasons, nodes, fix } = await client.why(app);
    for (const reason of reasons) {
      i.terminal.err(`  ${paint(i.terminal, "yellow", "waiting")}: ${plain(reason)}\n`);
    }
    for (const n of nodes.filter((n) => !n.able)) {
      i.terminal.err(`    ${plain(n.name)}: ${plain(n.reasons.join("; "))}\n`);
    }
    if (fix) i.terminal.err(`    fix: ${plain(fix)}\n`);
  } catch { /* only an explanation */ }
}

const settled = (app: AppView): boolean =>
  app.phase === "steady" &&
  app.replicas.every((r) => r.state === "healthy" || r.state === "ended") && countReplicas(app).well;

/** How a rollout ended. */
export type RolloutEnd =
  | { readonly ok: true; readonly app: AppView }
  | { readonly ok: false; readonly app: AppView; readonly reason: string };

/**
 * Follows a deploy or rollback by its command id: healthy everywhere, or rejected with its reason and last log lines.
 * Throws `timed_out`, and `conflict` when a later command took its place.
 */
export async function followRollout(
  i: Invocation,
  client: RealmClient,
  name: string,
  id: Digest,
  timeoutMs: number,
): Promise<RolloutEnd> {
  const tell = progressPrinter(i);
  const started = performance.now();
  let end: RolloutEnd | undefined, explained = false, seen = false;
  await until(
    timeoutMs,
    `${name} is not healthy yet; the rollout goes on, see 'realm why ${name}'`,
    async () => {
      const app = await client.app(name);
      tell(app, (r) => r.revision === id);
      if (app.rejected?.revision === id) {
        end = { ok: false, app, reason: app.rejected.reason };
      } else if (app.revision === id) {
        seen = true;
        if (app.phase === "failed") end = { ok: false, app, reason: "no replica became healthy" };
        else if (settled(app)) end = { ok: true, app };
      } else if (seen || performance.now() - started > EXPLAIN_MS) {
        const newest = (await client.history(name)).reduce((a, b) => b.number > a.number ? b : a);
        if (newest.id !== id) {
          throw new RealmError(
            "conflict",
            `a later command took the place of this one; see 'realm app history ${name}'`,
          );
        }
      }
      if (
        !end && !explained && performance.now() - started > EXPLAIN_MS &&
        app.replicas.every((r) => r.state === "pending")
      ) {
        explained = true;
        if (!flag(i, "json")) await explain(i, client, name);
      }
      return end !== undefined;
    },
  );
  return end!;
}

/** Follows a change of scale to its end. */
export async function followScale(
  i: Invocation,
  client: RealmClient,
  name: string,
  wanted: number | "all",
  timeoutMs: number,
): Promise<AppView> {
  const tell = progressPrinter(i);
  const started = performance.now();
  let last: AppView | undefined, explained = false;
  let before: Set<string> | undefined;
  await until(timeoutMs, `${name} has not the wished replicas yet; see 'realm why ${name}'`, async () => {
    last = await client.app(name);
    // What runs already when the command is given is no news.
    before ??= new Set(last.replicas.filter((r) => r.state === "healthy").map((r) => r.id));
    tell(last, (r) => !before!.has(r.id) || r.state !== "healthy");
    const running = last.replicas.filter((r) => r.state !== "stopped" && r.state !== "stopping").length;
    const done = last.wanted === wanted && settled(last) && (wanted === "all" || running === wanted);
    if (!done && !explained && performance.now() - started > EXPLAIN_MS) {
      explained = true;
      if (!flag(i, "json")) await explain(i, client, name);
    }
    return done;
  });
  return last!;
}
