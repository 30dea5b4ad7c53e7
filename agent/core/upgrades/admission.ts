/** Which wishes about upgrades make sense where they are handed in. */
import type { Command } from "../../protocol/command.ts";
import { ok, refuse, type Result } from "../../protocol/errors.ts";
import { openRelease } from "../../protocol/release.ts";
import { isMember } from "../members.ts";
import type { Core } from "../state.ts";
import { standingOf } from "./decide.ts";
import { upgradeFacts } from "./control.ts";
import { currentRollout, lastWord } from "./rollouts.ts";

/** What the command is about, or why it makes no sense. */
export function upgradeMakesSense(
  core: Core,
  command: Extract<Command, { kind: `upgrade.${string}` }>,
  now: number,
): Result<string> {
  const { upgrades } = core;
  const current = currentRollout(upgrades);
  if (command.kind !== "upgrade.start") {
    const { upgrade } = command.body;
    if (!upgrades.rollouts.has(upgrade)) {
      return refuse("not_found", `no upgrade ${upgrade.slice(0, 12)}; see 'realm upgrade history'`);
    }
    if (current?.id !== upgrade) {
      return refuse("conflict", "a later upgrade took its place; see 'realm upgrade status'");
    }
    const aborted = lastWord(upgrades, upgrade)?.kind === "abort";
    if (command.kind === "upgrade.abort" && aborted) return refuse("conflict", "it is aborted already");
    return ok(upgrade);
  }
  const { release: signed, canaries } = command.body;
  const { realm, verifier } = core.config;
  const opened = openRelease(signed, {
    realm,
    verifier,
    revokedAt: (key) => core.authority.revoked.get(key),
    now,
  });
  if (!opened.ok) return opened;
  const stranger = canaries.find((id) => !isMember(core.members, id));
  if (stranger !== undefined) return refuse("not_found", `no member ${stranger}; see 'realm node list'`);
  const release = opened.value;
  const rollout = { id: command.id, at: command.at, by: command.by, wish: command.body, release };
  const facts = upgradeFacts(core, rollout, now);
  const standings = facts.nodes.map((node) => ({ node, standing: standingOf(facts, node) }));
  const wanting = standings.filter(({ standing }) => standing.is === "needs").map(({ node }) => node);
  if (wanting.length === 0) {
    const because = standings.map(({ node, standing }) =>
      `${node.name}: ${"reason" in standing ? standing.reason : `has version ${node.version}`}`
    );
    const shown = because.slice(0, 3).join("; ");
    return refuse("conflict", `no node would change: ${shown}${because.length > 3 ? "; …" : ""}`);
  }
  const unproved = wanting.find((n) =>
    !facts.nodes.some((c) => canaries.includes(c.id) && c.platform === n.platform)
  );
  if (unproved) {
    return refuse(
      "bad_request",
      `no canary is a ${unproved.platform} node, and ${unproved.name} is one; name one`,
    );
  }
  return ok(release.manifest.version);
}
