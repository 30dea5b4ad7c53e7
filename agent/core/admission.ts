/** What may enter: commands handed in by people, machines that want to join. Everything refused names its rule. */
import { type Command, openCommand, type SignedCommand } from "../protocol/command.ts";
import { ok, refuse, type Result } from "../protocol/errors.ts";
import { decodeJson, GrantSchema, roleCovers } from "../protocol/grant.ts";
import { open, payloadTypes } from "../protocol/envelope.ts";
import type { Digest, KeyId, NodeId } from "../protocol/identity.ts";
import { type Admission, inviteId, openAdmission, openJoinRequest } from "../protocol/invite.ts";
import { limits } from "../protocol/limits.ts";
import { jobMakesSense } from "./jobs/admission.ts";
import { inviteUses, isMember } from "./members.ts";
import { secretMakesSense, secretsRefused } from "./secrets/admission.ts";
import { upgradeMakesSense } from "./upgrades/admission.ts";
import type { Core } from "./state.ts";

/** A command that was let in. */
export interface Accepted {
  readonly id: Digest;
  readonly kind: string;
  readonly by: KeyId;
  readonly target: string;
}

/** Checks a command handed in at this node: signature, chain, role, time, novelty, and that it makes sense now. */
export function checkCommand(core: Core, signed: SignedCommand, now: number): Result<Accepted> {
  const { realm, verifier } = core.config;
  const opened = openCommand(signed, realm, verifier, (k) => core.authority.revoked.get(k));
  if (!opened.ok) return opened;
  const { known } = opened.value;
  const at = known ? opened.value.command.at : opened.value.at;
  const id = known ? opened.value.command.id : opened.value.id;
  if (core.commands.has(id)) {
    return refuse("replayed", `command ${id.slice(0, 12)} was accepted before; sign a new one`);
  }
  const skew = Math.abs(now - at);
  if (skew > limits.commandSkewMs) {
    return refuse(
      "stale_command",
      `the command's time differs from this node's clock by ${Math.round(skew / 1000)} s, at most ${
        limits.commandSkewMs / 1000
      } s are allowed; set the clock or sign it again`,
    );
  }
  if (!known) {
    return refuse(
      "bad_request",
      opened.value.problem ??
        `this node does not know the command ${opened.value.kind}; upgrade it first`,
    );
  }
  const command = opened.value.command;
  const sense = makesSense(core, command, now);
  return sense.ok ? ok({ id, kind: command.kind, by: command.by, target: sense.value }) : sense;
}

function member(core: Core, node: NodeId): Result<string> {
  return isMember(core.members, node)
    ? ok(node)
    : refuse("not_found", `no member ${node}; see 'realm node list'`);
}

function makesSense(core: Core, command: Command, now: number): Result<string> {
  switch (command.kind) {
    case "app.deploy": {
      const { app, spec } = command.body;
      // Records of members make entries too; only what was deployed counts.
      const deployed = () => [...core.apps.values()].filter((a) => a.desired).length;
      if (!core.apps.get(app)?.desired && core.apps.size >= limits.apps && deployed() >= limits.apps) {
        return refuse("limit_reached", `the realm has ${limits.apps} apps already`);
      }
      for (const other of core.apps.values()) {
        if (other.name === app || !other.desired) continue;
        const theirs = other.desired.revision.spec.routes;
        const taken = spec.routes.find((route) => theirs.includes(route));
        if (taken !== undefined) {
          return refuse(
            "conflict",
            `the route ${taken} belongs to app ${other.name}; choose another [http] route`,
          );
        }
      }
      return (spec.service && secretsRefused(core, [spec.service.run])) ?? ok(app);
    }
    case "app.scale":
    case "app.rollback":
    case "app.remove": {
      const app = core.apps.get(command.body.app);
      if (!app?.desired) return refuse("not_found", `no app ${command.body.app}; see 'realm app list'`);
      if (command.kind === "app.rollback" && !app.revisions.some((r) => r.id === command.body.revision)) {
        return refuse(
          "not_found",
          `app ${app.name} has no deploy ${
            command.body.revision.slice(0, 12)
          }; see 'realm app history ${app.name}'`,
        );
      }
      return ok(app.name);
    }
    case "upgrade.start":
    case "upgrade.abort":
    case "upgrade.resume":
      return upgradeMakesSense(core, command, now);
    case "job.submit":
    case "job.schedule":
      return secretsRefused(core, command.body.runs) ?? jobMakesSense(core.jobs, command);
    case "job.cancel":
    case "job.pause":
    case "job.unschedule":
      return jobMakesSense(core.jobs, command);
    case "secret.set":
    case "secret.scope":
    case "secret.remove":
      return secretMakesSense(core, command);
    case "policy.set": {
      const { node, rule } = command.body;
      const known = node === undefined ? ok("realm") : member(core, node);
      return known.ok ? ok(node === undefined ? rule : `${rule} ${node}`) : known;
    }
    case "node.tag":
    case "node.cordon":
    case "node.uncordon":
    case "node.drain":
    case "node.remove":
      return member(core, command.body.node);
    case "key.grant": {
      const { realm, verifier } = core.config;
      const bytes = open(command.body.grant, payloadTypes.grant, verifier);
      if (!bytes.ok) return bytes;
      const grant = decodeJson(bytes.value, GrantSchema, "the grant");
      if (!grant.ok) return grant;
      if (grant.value.realm !== realm) return refuse("wrong_realm", "the grant is for another realm");
      if (command.body.grant.keyid !== command.by) {
        return refuse("not_authorised", "the grant is signed by another key than the command");
      }
      if (!roleCovers(command.role, grant.value.role)) {
        return refuse("role_too_low", "the grant exceeds its issuer's role");
      }
      return ok(grant.value.key);
    }
    case "key.revoke":
      if (command.body.key === core.config.realm) {
        return refuse(
          "conflict",
          "the owner key cannot be revoked: it is the realm; make a new realm when it is lost",
        );
      }
      return ok(command.body.key);
    case "invite.revoke":
      return ok(command.body.invite);
    case "blob.pin":
    case "blob.unpin":
      return ok(command.body.digest);
  }
}

/** Checks a machine's wish to join at this node. */
export function checkAdmission(
  core: Core,
  admission: Admission,
  now: number,
): Result<{ node: NodeId; invite: Digest }> {
  const { realm, verifier } = core.config;
  // A member that lost its database comes back by its key alone, however old its invite.
  const request = openJoinRequest(admission, realm, verifier);
  if (!request.ok) return request;
  if (isMember(core.members, request.value.node)) {
    return ok({ node: request.value.node, invite: request.value.invite });
  }
  const opened = openAdmission(admission, realm, verifier, (k) => core.authority.revoked.get(k));
  if (!opened.ok) return opened;
  const { node, invite, uses, until, at } = opened.value;
  if (Math.abs(now - at) > limits.commandSkewMs) {
    return refuse(
      "stale_command",
      "the clocks of the two machines differ by more than 5 minutes; set them and try again",
    );
  }
  if (now >= until) {
    return refuse(
      "invite_expired",
      `the invite expired at ${new Date(until).toISOString()}; ask for a new one`,
    );
  }
  const revoked = core.members.revokedInvites.get(invite);
  if (revoked !== undefined) return refuse("invite_invalid", "the invite was revoked; ask for a new one");
  if (core.members.removed.has(node) && !isMember(core.members, node)) {
    return refuse(
      "not_member",
      "this node was removed from the realm; join with a new node key (another data directory)",
    );
  }
  if (inviteUses(core.members, inviteId(admission.invite)) >= uses) {
    return refuse(
      "invite_used_up",
      `the invite was used ${uses} time(s), as often as it allows; ask for a new one`,
    );
  }
  if (core.members.admitted.size >= limits.members) {
    return refuse("limit_reached", `the realm has ${limits.members} members already`);
  }
  return ok({ node, invite });
}
