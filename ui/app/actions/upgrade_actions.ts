/** What can be done with a rollout of the fleet's executable. */
import { shortId, type UpgradeView } from "../../../mod.ts";
import type { Action } from "./action.ts";

/** In its present state. */
export function upgradeActions(u: UpgradeView): Action[] {
  const stopped = u.phase === "stopped" || u.phase === "aborted";
  if (u.phase === "running" || u.phase === "waiting") {
    return [{
      label: "Abort",
      icon: "stop",
      role: "admin",
      title: `Stop the upgrade to ${u.version}?`,
      text: "Nodes that have changed stay so; one that is changing now ends that by itself. Resume goes on.",
      danger: true,
      command: () => "realm upgrade abort",
      run: (c) => c.command("upgrade.abort", { upgrade: u.id }),
    }];
  }
  if (!stopped) return [];
  const failed = u.artifacts.some((a) => a.quarantined);
  return [{
    label: "Resume",
    icon: "play",
    role: "admin",
    title: `Go on with the upgrade to ${u.version}?`,
    text: failed
      ? "A node returned to its old version and put the file into quarantine. Without trying again, only other platforms go on."
      : `It goes on where it stopped (${shortId(u.id)}).`,
    fields: failed
      ? [{ name: "retry", label: "Try again where it failed: the cause was mended", kind: "check" }]
      : [],
    command: (a) => `realm upgrade resume${a.retry ? " --retry" : ""}`,
    run: (c, a) => c.command("upgrade.resume", { upgrade: u.id, retry: Boolean(a.retry) }),
  }];
}
