/**
 * Commands: the only way to change anything. Each kind is declared once, with its schema, the role it needs and a
 * summary; API, CLI and documentation are made from or checked against this registry.
 */
import * as v from "valibot";
import { DeploySchema, type DeployWish, type Replicas, ReplicasSchema } from "./app_spec.ts";
import { DigestSchema, NameSchema, NodeIdSchema, SelectorSchema, TagsSchema } from "./wire_values.ts";
import { canonicalBytes, toBase64Url } from "./encoding.ts";
import { type Envelope, envelopeId, EnvelopeSchema, open, payloadTypes, seal } from "./envelope.ts";
import { ok, refuse, type Result } from "./errors.ts";
import {
  decodeJson,
  GrantChainSchema,
  KeyIdSchema,
  LabelSchema,
  type RevokedAt,
  type Role,
  roleCovers,
  roleOf,
  TimeSchema,
} from "./grant.ts";
import type { Digest, KeyId, NodeId, RealmId, Signer, Verifier } from "./identity.ts";
import { ScheduleSchema, type ScheduleWish, SubmitSchema, type SubmitWish } from "./job_spec.ts";
import { limits } from "./limits.ts";
import { type PolicyWish, PolicyWishSchema } from "./policy.ts";
import {
  SecretNameSchema,
  type SecretScopeWish,
  SecretScopeWishSchema,
  type SecretWish,
  SecretWishSchema,
} from "./secret.ts";
import {
  UpgradeAbortSchema,
  type UpgradeResume,
  UpgradeResumeSchema,
  type UpgradeWish,
  UpgradeWishSchema,
} from "./upgrade.ts";

/** Declares one kind of command. */
interface Kind<S extends v.GenericSchema> {
  readonly schema: S;
  readonly role: Role;
  readonly summary: string;
}
const kind = <S extends v.GenericSchema>(schema: S, role: Role, summary: string): Kind<S> => ({
  schema,
  role,
  summary,
});

/** All kinds of command. */
export const commandKinds = {
  "app.deploy": kind(DeploySchema, "operator", "Deploy a package under a name"),
  "app.scale": kind(
    v.strictObject({ app: NameSchema, replicas: ReplicasSchema }),
    "operator",
    "Change the number of replicas",
  ),
  "app.rollback": kind(
    v.strictObject({ app: NameSchema, revision: DigestSchema }),
    "operator",
    "Return to an earlier deploy, named by its command id",
  ),
  "app.remove": kind(
    v.strictObject({ app: NameSchema, volumes: v.boolean() }),
    "operator",
    "Stop and forget an app; its volumes only when asked",
  ),
  "job.submit": kind(SubmitSchema, "operator", "Run a job, or the jobs of a pipeline"),
  "job.cancel": kind(
    v.strictObject({ run: v.pipe(v.string(), v.minLength(1), v.maxLength(100)) }),
    "operator",
    "End a run, wherever in its life it is",
  ),
  "job.schedule": kind(
    ScheduleSchema,
    "operator",
    "Run jobs at the times of a schedule, in place of an earlier one",
  ),
  "job.pause": kind(
    v.strictObject({ schedule: DigestSchema, paused: v.boolean() }),
    "operator",
    "Let a schedule rest, or go on",
  ),
  "job.unschedule": kind(
    v.strictObject({ schedule: DigestSchema }),
    "operator",
    "End a schedule; its runs under way go on",
  ),
  "node.tag": kind(v.strictObject({ node: NodeIdSchema, tags: TagsSchema }), "operator", "Set a node's tags"),
  "node.cordon": kind(v.strictObject({ node: NodeIdSchema }), "operator", "No new work on a node"),
  "node.uncordon": kind(v.strictObject({ node: NodeIdSchema }), "operator", "Work again on a node"),
  "node.drain": kind(
    v.strictObject({ node: NodeIdSchema }),
    "operator",
    "No new work, and move the present work away",
  ),
  "policy.set": kind(PolicyWishSchema, "admin", "Set a rule of what nodes may run, for all nodes or for one"),
  "secret.set": kind(SecretWishSchema, "admin", "Set a secret, sealed to the nodes that are to have it"),
  "secret.scope": kind(SecretScopeWishSchema, "admin", "Say which jobs, branches and nodes a secret is for"),
  "secret.remove": kind(
    v.strictObject({ name: SecretNameSchema }),
    "admin",
    "Remove a secret: no run gets it any more",
  ),
  "node.remove": kind(v.strictObject({ node: NodeIdSchema }), "admin", "End a node's membership"),
  "key.grant": kind(v.strictObject({ grant: EnvelopeSchema }), "admin", "Make a grant known to the realm"),
  "key.revoke": kind(v.strictObject({ key: KeyIdSchema }), "admin", "Revoke a key from now on"),
  "invite.revoke": kind(v.strictObject({ invite: DigestSchema }), "admin", "Make an invite useless"),
  "blob.pin": kind(
    v.strictObject({
      digest: DigestSchema,
      name: v.optional(LabelSchema),
      copies: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)),
      tags: SelectorSchema,
      size: v.pipe(v.number(), v.integer(), v.minValue(0)),
    }),
    "operator",
    "Promise to keep a blob",
  ),
  "blob.unpin": kind(v.strictObject({ digest: DigestSchema }), "operator", "End the promise to keep a blob"),
  "upgrade.start": kind(UpgradeWishSchema, "admin", "Bring the fleet to a release, canaries first"),
  "upgrade.abort": kind(UpgradeAbortSchema, "admin", "Stop a rollout of a release where it is"),
  "upgrade.resume": kind(UpgradeResumeSchema, "admin", "Let a rollout that stopped go on"),
} as const satisfies { readonly [K in keyof CommandBodies]: Kind<v.GenericSchema<CommandBodies[K]>> };
/** Bodies of all kinds of command. */
export interface CommandBodies {
  /** Deploy a package under a name. */
  "app.deploy": DeployWish;
  /** Change the number of replicas. */
  "app.scale": { app: string; replicas: Replicas };
  /** Return to an earlier deploy, named by its command id. */
  "app.rollback": { app: string; revision: Digest };
  /** Stop and forget an app; its volumes only when asked. */
  "app.remove": { app: string; volumes: boolean };
  /** Run a job, or the jobs of a pipeline. */
  "job.submit": SubmitWish;
  /** End a run, wherever in its life it is. */
  "job.cancel": { run: string };
  /** Run jobs at the times of a schedule. */
  "job.schedule": ScheduleWish;
  /** Let a schedule rest, or go on. */
  "job.pause": { schedule: Digest; paused: boolean };
  /** End a schedule. */
  "job.unschedule": { schedule: Digest };
  /** Set a node's tags. */
  "node.tag": { node: NodeId; tags: string[] };
  /** No new work on a node. */
  "node.cordon": { node: NodeId };
  /** Work again on a node. */
  "node.uncordon": { node: NodeId };
  /** No new work, and move the present work away. */
  "node.drain": { node: NodeId };
  /** Set a rule of what nodes may run, for all nodes or for one. */
  "policy.set": PolicyWish;
  /** Set a secret, sealed to the nodes that are to have it. */
  "secret.set": SecretWish;
  /** Say which jobs, branches and nodes a secret is for. */
  "secret.scope": SecretScopeWish;
  /** Remove a secret. */
  "secret.remove": { name: string };
  /** End a node's membership. */
  "node.remove": { node: NodeId };
  /** Make a grant known to the realm. */
  "key.grant": { grant: Envelope };
  /** Revoke a key from now on. */
  "key.revoke": { key: KeyId };
  /** Make an invite useless. */
  "invite.revoke": { invite: Digest };
  /** Promise to keep a blob. */
  "blob.pin": { digest: Digest; name?: string | undefined; copies: number; tags: string[]; size: number };
  /** End the promise to keep a blob. */
  "blob.unpin": { digest: Digest };
  /** Bring the fleet to a release, canaries first. */
  "upgrade.start": UpgradeWish;
  /** Stop a rollout of a release where it is. */
  "upgrade.abort": { upgrade: Digest };
  /** Let a rollout that stopped go on. */
  "upgrade.resume": UpgradeResume;
}
/** Name of a kind of command. */
export type CommandKind = keyof CommandBodies;
/** Body of a kind of command. */
export type CommandBody<K extends CommandKind> = CommandBodies[K];

/** Schema of a command's payload; the body is checked by its kind. */
export const CommandSchema = v.strictObject({
  v: v.literal(1),
  realm: KeyIdSchema,
  kind: v.pipe(v.string(), v.maxLength(64)),
  body: v.record(v.string(), v.unknown()),
  at: TimeSchema,
  nonce: v.pipe(v.string(), v.minLength(8), v.maxLength(64)),
});
/** A wish as signed. */
export type CommandPayload = v.InferOutput<typeof CommandSchema>;

/** Schema of a signed command as it travels. */
export const SignedCommandSchema = v.strictObject({ envelope: EnvelopeSchema, grants: GrantChainSchema });
/** A command with the grants that lead from the owner to its signer. */
export interface SignedCommand {
  /** The signed wish. */
  envelope: Envelope;
  /** Grants from the owner's towards the signer's; empty when the owner signed. */
  grants: Envelope[];
}

/** A command of a known kind, verified. */
export type Command = {
  [K in CommandKind]: {
    readonly id: Digest;
    readonly kind: K;
    readonly body: CommandBody<K>;
    readonly at: number;
    readonly by: KeyId;
    readonly role: Role;
  };
}[CommandKind];

/** Signs a command. `nonce` makes the same wish at the same time two commands: at least 8 random bytes. */
export function sealCommand<K extends CommandKind>(
  wish: { kind: K; body: CommandBody<K>; realm: RealmId; at: number; nonce: Uint8Array },
  signer: Signer,
  grants: readonly Envelope[],
): SignedCommand {
  const payload = {
    v: 1,
    realm: wish.realm,
    kind: wish.kind,
    body: wish.body,
    at: wish.at,
    nonce: toBase64Url(wish.nonce),
  };
  return { envelope: seal(payloadTypes.command, canonicalBytes(payload), signer), grants: [...grants] };
}

/** What {@link openCommand} found: a command it knows, or one of a later version that is kept and forwarded. */
export type OpenedCommand = { readonly known: true; readonly command: Command } | {
  readonly known: false;
  readonly id: Digest;
  readonly kind: string;
  readonly at: number;
  /** Set when the kind is known and its body is not of the form that this version knows: what is wrong. */
  readonly problem?: string;
};

/**
 * Verifies a command in everything but time and novelty: signature, realm, grant chain, role, schema. Deterministic:
 * every node comes to the same answer from the same revocations.
 */
export function openCommand(
  signed: SignedCommand,
  realm: RealmId,
  verifier: Verifier,
  revokedAt: RevokedAt,
): Result<OpenedCommand> {
  const opened = open(signed.envelope, payloadTypes.command, verifier);
  if (!opened.ok) return opened;
  if (opened.value.length > limits.commandBytes) {
    return refuse("too_large", `the command exceeds ${limits.commandBytes} bytes`);
  }
  const decoded = decodeJson(opened.value, CommandSchema, "the command");
  if (!decoded.ok) return decoded;
  const { realm: target, kind: name, body, at } = decoded.value;
  if (target !== realm) return refuse("wrong_realm", `the command is for realm ${target}, this is ${realm}`);
  const by = signed.envelope.keyid;
  const role = roleOf(by, signed.grants, at, realm, verifier, revokedAt);
  if (!role.ok) return role;
  const id = envelopeId(signed.envelope);
  if (!Object.hasOwn(commandKinds, name)) return ok({ known: false, id, kind: name, at });
  const declared = commandKinds[name as CommandKind];
  if (!roleCovers(role.value, declared.role)) {
    return refuse(
      "role_too_low",
      `${name} needs the role ${declared.role}, key ${by} has ${role.value}; ask an admin for a grant`,
    );
  }
  const parsed = v.safeParse(declared.schema as v.GenericSchema, body, { abortEarly: true });
  if (!parsed.success) {
    const issue = parsed.issues[0];
    const problem = `${name} is malformed at ${v.getDotPath(issue) ?? "its body"}: ${issue.message}`;
    return ok({ known: false, id, kind: name, at, problem });
  }
  return ok({
    known: true,
    command: { id, kind: name, body: parsed.output, at, by, role: role.value } as Command,
  });
}
