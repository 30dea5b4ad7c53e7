/** Following an upgrade of the fleet to its end. */
import {
  type Digest,
  isAbsence,
  type RealmClient,
  RealmError,
  type UpgradeNodeView,
  type UpgradeView,
} from "../mod.ts";
import { connect } from "./connection.ts";
import { paint, plain, print, stateCell } from "./display.ts";
import { until } from "./following.ts";
import { flag, type Invocation } from "./invocation.ts";

/** How far a node is, in words. */
export function progressText({ state, progress }: UpgradeNodeView): string {
  const done = progress && progress.total > 0 ? ` ${Math.floor(100 * progress.done / progress.total)} %` : "";
  return state.replaceAll("_", " ") + done;
}

function nodeLine(i: Invocation, node: UpgradeNodeView): string {
  const cell = stateCell(node.state) as { colour: "red" };
  const text = paint(i.terminal, cell.colour, progressText(node));
  return `  ${plain(node.name).padEnd(16)} ${text}${node.reason ? `: ${plain(node.reason)}` : ""}\n`;
}

/** Follows an upgrade until nothing more will happen by itself; the node that is asked changes too, and is asked again. */
export async function followUpgrade(i: Invocation, id: Digest, timeoutMs: number): Promise<UpgradeView> {
  const told = new Map<string, string>();
  let client: RealmClient | undefined, last: UpgradeView | undefined;
  const late = `the upgrade is not at its end yet and goes on; see 'realm upgrade status'`;
  await until(timeoutMs, late, async () => {
    client ??= await connect(i, "read").catch((error) => {
      // Between two versions nobody has told where the API is.
      if (isAbsence(error)) return undefined;
      throw error;
    });
    if (!client) throw new RealmError("unreachable", "no node answers");
    try {
      last = await client.upgrade(id);
    } catch (error) {
      client = undefined;
      throw error;
    }
    if (!flag(i, "json")) {
      for (const node of last.nodes) {
        const line = nodeLine(i, node);
        if (told.get(node.id) === line || (!told.has(node.id) && node.state === "waiting")) continue;
        told.set(node.id, line);
        i.terminal.err(line);
      }
    }
    return last.phase !== "running";
  });
  return last!;
}

/** Says how it ended; the exit code. */
export function reportUpgrade(i: Invocation, view: UpgradeView): number {
  const done = view.nodes.filter((n) => n.state === "done").length;
  const skipped = view.nodes.filter((n) => n.state === "skipped").length;
  const good = view.phase === "done" || view.phase === "waiting";
  print(i, view, () => {
    const count = `${done} of ${view.nodes.length} nodes run version ${view.version}` +
      (skipped > 0 ? `, ${skipped} skipped` : "");
    return good ? `${count}${view.reason ? `; ${plain(view.reason)}` : ""}.\n` : `${count}.\n`;
  });
  if (!good && !flag(i, "json")) {
    const fix = view.phase === "superseded" ? "see 'realm upgrade status'" : "'realm upgrade resume' goes on";
    i.terminal.err(
      `realm: the upgrade is ${view.phase}${view.reason ? `: ${plain(view.reason)}` : ""}; ${fix}\n`,
    );
  }
  return good ? 0 : 1;
}
