/**
 * A node that has just started does not know yet what happened while it was away, and must not say that something does
 * not exist. It knows when the members that it is connected to, one at least, have told it all that they have; when it
 * is alone in its realm, at once; when nobody speaks to it, after `limits.unsureMs`, for it may stay alone for long.
 */
import type { NodeId } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import { isMember } from "./members.ts";
import type { Core } from "./state.ts";

/** See the module's text. */
export interface CatchingUp {
  /** It waits no longer than this. */
  readonly until: number;
  /** Connected members that have not told all yet. */
  readonly awaited: Set<NodeId>;
  /** Whether one did. */
  told: boolean;
}

/** The node starts. */
export function beginCatchingUp(core: Core, now: number): void {
  core.catchingUp = { until: now + limits.unsureMs, awaited: new Set(), told: false };
}

/** A member came or went. */
export function awaitMember(core: Core, member: NodeId, connected: boolean): void {
  const { catchingUp } = core;
  if (!catchingUp) return;
  if (connected) catchingUp.awaited.add(member);
  else catchingUp.awaited.delete(member);
  endWhenTold(core);
}

/** A member has told all that it had. */
export function toldBy(core: Core, member: NodeId): void {
  const { catchingUp } = core;
  if (!catchingUp) return;
  catchingUp.awaited.delete(member);
  catchingUp.told = true;
  endWhenTold(core);
}

function endWhenTold(core: Core): void {
  if (core.catchingUp?.told && core.catchingUp.awaited.size === 0) core.catchingUp = undefined;
}

/** Whether there may be more than this node knows, for it has just started. */
export function isCatchingUp(core: Core, now: number): boolean {
  const { catchingUp, members, config } = core;
  if (!catchingUp || now >= catchingUp.until) return false;
  return [...members.admitted.keys()].some((id) => id !== config.self && isMember(members, id));
}
