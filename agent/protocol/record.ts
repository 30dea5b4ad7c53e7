/**
 * Records: signed facts that one node publishes. Each node is the only writer of its records; a higher `seq` for the
 * same `(author, key)` supersedes the lower. `prev` names the author's preceding seq, so that a reader knows of gaps.
 */
import * as v from "valibot";
import { canonicalJson, fromBase64Url, toBase64Url, utf8 } from "./encoding.ts";
import { payloadTypes, preAuthEncoding } from "./envelope.ts";
import { ok, refuse, type Result } from "./errors.ts";
import { LabelSchema, TimeSchema } from "./grant.ts";
import { type Digest, digestOf, type NodeId, publicKeyOf, type Signer, type Verifier } from "./identity.ts";
import { SignedCommandSchema } from "./command.ts";
import { DigestSchema, NameSchema, NodeIdSchema, TagSchema } from "./wire_values.ts";
import { AdmissionSchema } from "./invite.ts";
import { jobLimits } from "./job_limits.ts";
import {
  AttemptsSchema,
  CacheEntrySchema,
  CommitsSchema,
  RunDecisionSchema,
  SightSchema,
  TickSchema,
} from "./job_record.ts";
import { PolicyFileSchema, type PolicySettings, type SandboxLevel, sandboxLevels } from "./policy.ts";
import { limits } from "./limits.ts";
import { SecretBoxesSchema } from "./secret.ts";
import { UpgradeDecisionSchema, UpgradeStatusSchema } from "./upgrade.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const shortText = v.pipe(v.string(), v.maxLength(256));

/** What a node says of itself. */
export const NodeInfoSchema = v.strictObject({
  name: LabelSchema,
  /** Rises at each start and at each refutation of a false suspicion (SWIM's incarnation number). */
  incarnation: count,
  addresses: v.pipe(v.array(shortText), v.maxLength(32)),
  platform: shortText,
  version: shortText,
  tags: v.pipe(v.array(TagSchema), v.maxLength(64)),
  cpu_cores: count,
  memory_mb: count,
  disk_mb: count,
  runtimes: v.pipe(v.array(shortText), v.maxLength(16)),
  native: v.optional(v.strictObject({
    levels: v.pipe(v.array(v.picklist(sandboxLevels)), v.maxLength(sandboxLevels.length)),
    /** What its own file narrows. */
    narrowed: v.optional(PolicyFileSchema),
  })),
  git: v.optional(shortText),
  gateway: v.optional(shortText),
  api: v.optional(shortText),
  started_at: TimeSchema,
});
/** What a node says of itself. */
export interface NodeInfo {
  /** Name for people. */
  name: string;
  /** Rises at each start and at each refutation of a false suspicion. */
  incarnation: number;
  /** Multiaddresses. */
  addresses: string[];
  /** For example `linux/amd64`. */
  platform: string;
  /** Version of Realm. */
  version: string;
  /** Tags that the node was started with. */
  tags: string[];
  /** Processor cores. */
  cpu_cores: number;
  /** Memory of the machine, MiB. */
  memory_mb: number;
  /** Free disk space, MiB. */
  disk_mb: number;
  /** Runtimes that work here. */
  runtimes: string[];
  /** Sandboxes for programs of the operating system that it has, and what its own policy file says. */
  native?: { levels: SandboxLevel[]; narrowed?: PolicySettings | undefined } | undefined;
  /** Version of its git, where there is one. */
  git?: string | undefined;
  /** Address of its gateway, `host:port`. */
  gateway?: string | undefined;
  /** Address of its API, `host:port`. */
  api?: string | undefined;
  /** Milliseconds since 1970. */
  started_at: number;
}

/** States of a replica, in the order of a good life. `ended`: by itself, and its restart policy leaves it so. */
export const replicaStates = [
  "accepted",
  "fetching",
  "verifying",
  "starting",
  "healthy",
  "unhealthy",
  "stopping",
  "stopped",
  "failed",
  "ended",
] as const;
/** One of {@link replicaStates}. */
export type ReplicaState = (typeof replicaStates)[number];

/** What a node says of a replica that was decided to run there. */
export const ReplicaStatusSchema = v.strictObject({
  app: NameSchema,
  replica: shortText,
  revision: DigestSchema,
  epoch: count,
  state: v.picklist(replicaStates),
  reason: v.optional(v.pipe(v.string(), v.maxLength(2_000))),
  /** Last log lines of a failed replica, for the one who deployed. */
  log: v.optional(v.pipe(v.string(), v.maxLength(4_000))),
  restarts: count,
  progress: v.optional(v.strictObject({ done: count, total: count })),
  /** Commits that its inputs by git were found to stand for, by mount. */
  commits: v.optional(CommitsSchema),
  /** When this state began; while it fetches, when bytes arrived last. */
  since: TimeSchema,
});
/** See {@link ReplicaStatusSchema}. */
export type ReplicaStatus = v.InferOutput<typeof ReplicaStatusSchema>;

/** One replica as decided. `id` is unique for ever: a new decision to run never reuses it. */
export const DecidedReplicaSchema = v.strictObject({
  id: shortText,
  slot: count,
  node: NodeIdSchema,
  revision: DigestSchema,
  at: TimeSchema,
  /** It ended by itself and is not started again: its slot is done with. Without a reason it ended well. */
  ended: v.optional(
    v.strictObject({
      at: TimeSchema,
      restarts: count,
      reason: v.optional(v.pipe(v.string(), v.maxLength(2_000))),
    }),
  ),
});
/** See {@link DecidedReplicaSchema}. */
export type DecidedReplica = v.InferOutput<typeof DecidedReplicaSchema>;

/** What the controller of an app decided: the one source of what runs where. */
export const DecisionSchema = v.strictObject({
  app: NameSchema,
  /** Fencing token: rises with each change of controller. */
  epoch: count,
  /** Rises with each decision of one controller. */
  step: count,
  phase: v.picklist(["rolling", "steady", "rolled_back", "failed", "removed"]),
  /** The deploy being rolled out or standing. */
  revision: DigestSchema,
  /** Its number in the app's history, which outlives the deploys before it. */
  number: v.optional(count),
  /** The last deploy that was healthy everywhere; what a failed rollout returns to. */
  good: v.optional(DigestSchema),
  replicas: v.pipe(v.array(DecidedReplicaSchema), v.maxLength(2 * limits.replicas)),
  /** Which node holds the state volumes of a slot, and who decided it. */
  volumes: v.pipe(
    v.array(v.strictObject({ slot: count, node: NodeIdSchema, by: v.optional(NodeIdSchema) })),
    v.maxLength(limits.replicas),
  ),
  /** Deploys whose rollout failed, and why; never tried again. */
  rejected: v.pipe(
    v.array(
      v.strictObject({
        revision: DigestSchema,
        reason: v.pipe(v.string(), v.maxLength(4_000)),
        at: TimeSchema,
        /** Who found so. */
        by: v.optional(NodeIdSchema),
      }),
    ),
    v.maxLength(16),
  ),
  /** What inputs by git of services stand for, by deploy and mount. */
  commits: v.optional(
    v.pipe(
      v.array(v.strictObject({ revision: DigestSchema, by_mount: CommitsSchema })),
      v.maxLength(limits.appHistory),
    ),
  ),
  since: TimeSchema,
  /** Removed nodes whose decisions this one replaces, whatever their epochs. */
  over: v.optional(v.pipe(v.array(NodeIdSchema), v.maxLength(limits.decisionsReplaced))),
});
/** See {@link DecisionSchema}. */
export type Decision = v.InferOutput<typeof DecisionSchema>;

/** A slot's state volumes that lie on a node, and the deploy that opened them last. */
const HeldVolumesSchema = v.strictObject({ slot: count, revision: DigestSchema });
/** See {@link HeldVolumesSchema}. */
export type HeldVolumes = v.InferOutput<typeof HeldVolumesSchema>;

/** Schemas of record bodies by kind; the key's first segment is the kind. */
export const recordKinds = {
  /** `member/<node>`: proof that a machine was let in. */
  member: AdmissionSchema,
  /** `command/<id>`: a signed command that this node accepted. */
  command: SignedCommandSchema,
  /** `node`: the author about itself. */
  node: NodeInfoSchema,
  /** `liveness/<node>`: the author found another node unreachable, or itself is leaving. */
  liveness: v.strictObject({ state: v.picklist(["unreachable", "left"]), incarnation: count }),
  /** `decision/<app>`. */
  decision: DecisionSchema,
  /**
   * `replicas/<app>`: all replicas of an app on the author's node. One record per app, which supersedes itself: replicas
   * come and go without leaving tombstones behind.
   */
  replicas: v.strictObject({
    app: NameSchema,
    list: v.pipe(v.array(ReplicaStatusSchema), v.maxLength(limits.replicasPerNode)),
    /** Slots whose state volumes lie on the author's node. */
    held: v.optional(v.pipe(v.array(HeldVolumesSchema), v.maxLength(limits.replicasPerNode))),
  }),
  /** `run/<id>`: what the controller of a submission decided about one of its runs. */
  run: RunDecisionSchema,
  /** `attempts/<run>`: all attempts of a run on the author's node; one record per run, which supersedes itself. */
  attempts: AttemptsSchema,
  /** `secret/<name>`: boxes in which the author, who can open the secret, sealed it to other nodes. */
  secret: SecretBoxesSchema,
  /** `tick/<id>`: what was decided about one time of a schedule, or one change that it watches for. */
  tick: TickSchema,
  /** `sight/<schedule>`: what the author saw last of the repository that a schedule watches. */
  sight: SightSchema,
  /** `caches`: build caches that lie on the author's node. */
  caches: v.strictObject({ list: v.pipe(v.array(CacheEntrySchema), v.maxLength(jobLimits.cachesPerNode)) }),
  /** `upgrade/<id>`: what the controller of a rollout of the fleet's executable decided. */
  upgrade: UpgradeDecisionSchema,
  /** `upgraded`: the author in the upgrade that it took part in last. */
  upgraded: UpgradeStatusSchema,
  /** `audit`: head of the author's audit chain, which others thereby witness. */
  audit: v.strictObject({ count, head: DigestSchema }),
} as const;
/** Kinds of record that this version knows. */
export type RecordKind = keyof typeof recordKinds;

/** A record as it travels and is stored: the exact signed text and the signature. */
export const WireRecordSchema = v.strictObject({
  p: v.pipe(v.string(), v.maxLength(limits.recordBytes)),
  s: v.pipe(v.string(), v.maxLength(90)),
});
/** See {@link WireRecordSchema}. */
export type WireRecord = v.InferOutput<typeof WireRecordSchema>;

const HeaderSchema = v.strictObject({
  author: NodeIdSchema,
  seq: v.pipe(count, v.minValue(1)),
  prev: count,
  key: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  at: TimeSchema,
  body: v.nullable(v.record(v.string(), v.unknown())),
});

/** A verified record. `body` is `null` for a tombstone; `kind` is undefined for kinds of a later version. */
export interface RealmRecord {
  readonly author: NodeId;
  readonly seq: number;
  readonly prev: number;
  readonly key: string;
  readonly at: number;
  readonly kind: RecordKind | undefined;
  readonly body: unknown;
  readonly hash: Digest;
  readonly wire: WireRecord;
}

/** Body of a record kind. */
export type RecordBody<K extends RecordKind> = v.InferOutput<(typeof recordKinds)[K]>;

/** Signs a record. */
export function sealRecord(
  header: { author: NodeId; seq: number; prev: number; key: string; at: number; body: unknown },
  signer: Signer,
): RealmRecord {
  const p = canonicalJson(header);
  const bytes = utf8(p);
  const wire = { p, s: toBase64Url(signer.sign(preAuthEncoding(payloadTypes.record, bytes))) };
  return { ...header, kind: kindOf(header.key), hash: digestOf(bytes), wire };
}

function kindOf(key: string): RecordKind | undefined {
  const name = key.split("/", 1)[0];
  return Object.hasOwn(recordKinds, name) ? name as RecordKind : undefined;
}

/** Verifies form, body schema and signature of a record; whether its author is a member is the receiver's question. */
export function openRecord(wire: WireRecord, verifier: Verifier): Result<RealmRecord> {
  if (wire.p.length > limits.recordBytes) {
    return refuse("too_large", `a record exceeds ${limits.recordBytes} bytes`);
  }
  let value: unknown;
  try {
    value = JSON.parse(wire.p);
  } catch {
    return refuse("bad_request", "a record is not JSON");
  }
  const header = v.safeParse(HeaderSchema, value, { abortEarly: true });
  if (!header.success) return refuse("bad_request", `a record is malformed: ${header.issues[0].message}`);
  const { author, body, key } = header.output;
  if (header.output.prev >= header.output.seq) {
    return refuse("bad_request", "a record's prev is not below its seq");
  }
  const kind = kindOf(key);
  if (kind !== undefined && body !== null) {
    const parsed = v.safeParse(recordKinds[kind] as v.GenericSchema, body, { abortEarly: true });
    if (!parsed.success) {
      return refuse(
        "bad_request",
        `a ${kind} record is malformed at ${v.getDotPath(parsed.issues[0]) ?? "its body"}`,
      );
    }
  }
  const bytes = utf8(wire.p);
  let signature: Uint8Array;
  try {
    signature = fromBase64Url(wire.s);
  } catch {
    return refuse("bad_signature", "a record's signature is not base64url");
  }
  if (!verifier.verify(publicKeyOf(author)!, preAuthEncoding(payloadTypes.record, bytes), signature)) {
    return refuse("bad_signature", `a record's signature is not by ${author}`);
  }
  return ok({ ...header.output, kind, hash: digestOf(bytes), wire });
}
