/**
 * Secrets: a value that only some nodes can open, under a name that jobs use. The value is encrypted under a key of its
 * own; that key is sealed to each node that is to have it, in a box. What travels and is stored is this alone. Who
 * makes boxes, and how, is in `secret_box.ts`; which nodes are to have one follows from the scope.
 */
import * as v from "valibot";
import { matchesGlob } from "./glob.ts";
import { type Digest, isNodeId, type KeyId, type NodeId } from "./identity.ts";
import { secretLimits } from "./secret_limits.ts";

export { secretLimits } from "./secret_limits.ts";

/** Names of secrets, as jobs and manifests write them. */
export const SECRET_NAME = /^[A-Za-z0-9_.-]{1,128}$/;
const SECRET_NAME_WORDS = "a name: letters, digits, '_', '.' and '-', at most 128";
/** Schema of a secret's name. */
export const SecretNameSchema = v.pipe(v.string(SECRET_NAME_WORDS), v.regex(SECRET_NAME, SECRET_NAME_WORDS));

const PATTERN_WORDS = "a name, in which * stands for any text without / and ** for any text";
const pattern = v.pipe(
  v.string(PATTERN_WORDS),
  v.maxLength(secretLimits.patternChars, PATTERN_WORDS),
  // Few stars, so that no pattern takes long.
  v.regex(/^(?!(.*\*+[^*]+){8})[A-Za-z0-9_./*+-]+$/, PATTERN_WORDS),
);
const patterns = v.pipe(
  v.array(pattern, "a list of names or patterns"),
  v.maxLength(secretLimits.patterns, `at most ${secretLimits.patterns} patterns`),
);
const TAG_WORDS = "a tag, or !tag to exclude";

/** Schema of {@link SecretScope}. */
export const SecretScopeSchema = v.strictObject({
  jobs: patterns,
  branches: patterns,
  tags: v.pipe(
    v.array(v.pipe(
      v.string(TAG_WORDS),
      v.regex(/^!?[A-Za-z0-9_.-]{1,63}(=[A-Za-z0-9_.-]{0,63})?$/, TAG_WORDS),
    )),
    v.maxLength(secretLimits.patterns, `at most ${secretLimits.patterns} tags`),
  ),
});
/** What a secret is for; an empty list is no limit. */
export interface SecretScope {
  /** Names of jobs, or patterns of them. */
  readonly jobs: readonly string[];
  /** Branches that a run must have been made of, or patterns of them. */
  readonly branches: readonly string[];
  /** Tags of nodes; `!tag` excludes. Only tags that the realm gave count, not those that a node gives itself. */
  readonly tags: readonly string[];
}
/** For every job, branch and node. */
export const openScope: SecretScope = { jobs: [], branches: [], tags: [] };

const base64 = (bytes: number) => Math.ceil(bytes * 4 / 3);
/** Public key, the sealed key and its tag: 32 + 32 + 16 bytes. */
const BOX_CHARS = base64(80);
const sealedChars = (bytes: number) => base64(24 + 4 + bytes + secretLimits.padBytes + 16);
const base64Url = /^[A-Za-z0-9_-]+$/;

/** Schema of {@link SecretBox}. */
export const SecretBoxSchema = v.strictObject({
  node: v.pipe(v.string(), v.check(isNodeId, "a node id (12D3KooW…)")),
  box: v.pipe(v.string(), v.length(BOX_CHARS, "a box"), v.regex(base64Url, "base64url")),
});
/** The key of one secret, sealed to one node. */
export interface SecretBox {
  /** Who can open it. */
  readonly node: NodeId;
  /** base64url. */
  readonly box: string;
}

/** Schema of a version: 16 random bytes in hex, chosen by who seals. */
export const SecretVersionSchema = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "32 hex digits"));

/** Schema of {@link SecretWish}. */
export const SecretWishSchema = v.strictObject({
  name: SecretNameSchema,
  version: SecretVersionSchema,
  scope: SecretScopeSchema,
  sealed: v.pipe(
    v.string(),
    v.maxLength(sealedChars(secretLimits.valueBytes), `a value of at most ${secretLimits.valueBytes} bytes`),
    v.regex(base64Url, "base64url"),
  ),
  boxes: v.pipe(
    v.array(SecretBoxSchema),
    v.minLength(1, "at least one node that can open it"),
    v.maxLength(secretLimits.commandBoxes, `at most ${secretLimits.commandBoxes} boxes`),
  ),
});
/** Sets a secret, or gives it another value. */
export interface SecretWish {
  /** Its name. */
  readonly name: string;
  /** New with each value. */
  readonly version: string;
  /** What it is for. */
  readonly scope: SecretScope;
  /** The encrypted value: nonce and ciphertext, base64url. */
  readonly sealed: string;
  /** For the nodes that can open it from the start. */
  readonly boxes: readonly SecretBox[];
}

/** Schema of {@link SecretScopeWish}. */
export const SecretScopeWishSchema = v.strictObject({
  name: SecretNameSchema,
  version: SecretVersionSchema,
  scope: SecretScopeSchema,
});
/** Says what a secret is for from now on; its value stays. */
export interface SecretScopeWish {
  /** Its name. */
  readonly name: string;
  /** Of which value: a new one comes with a scope of its own. */
  readonly version: string;
  /** What it is for. */
  readonly scope: SecretScope;
}

/** Schema of the body of a record `secret/<name>`: boxes that its author made for other nodes. */
export const SecretBoxesSchema = v.strictObject({
  name: SecretNameSchema,
  version: SecretVersionSchema,
  boxes: v.pipe(v.array(SecretBoxSchema), v.maxLength(secretLimits.recordBoxes)),
});
/** See {@link SecretBoxesSchema}. */
export type SecretBoxes = v.InferOutput<typeof SecretBoxesSchema>;

/** Schema of {@link RunSecret}. */
export const RunSecretSchema = v.strictObject({
  variable: v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/)),
  name: SecretNameSchema,
  as: v.picklist(["env", "file"]),
});
/** A secret that a run is given. */
export interface RunSecret {
  /** Variable that has the value, or the path of the file that has it. */
  variable: string;
  /** The secret's name in the realm. */
  name: string;
  /** How it is given. */
  as: "env" | "file";
}

/** Who wants to use a secret. */
export interface SecretUse {
  /** Name of the job. */
  readonly job: string;
  /** Branch that the run is made of, as far as it has one. */
  readonly branch?: string | undefined;
}

/** Why a secret must not be used so, for a sentence that begins with its name; `undefined`: it may. */
export function whyNotUsed(scope: SecretScope, { job, branch }: SecretUse): string | undefined {
  const { jobs, branches } = scope;
  if (jobs.length > 0 && !jobs.some((p) => matchesGlob(p, job))) {
    return `is for the jobs ${jobs.join(", ")}, not for ${job}`;
  }
  if (branches.length === 0 || (branch !== undefined && branches.some((p) => matchesGlob(p, branch)))) {
    return undefined;
  }
  return `is for the branches ${branches.join(", ")}, and the run is ${
    branch === undefined ? "of no branch: its first git input names none by `ref`" : `of ${branch}`
  }`;
}

/**
 * As {@link whyNotUsed}, for what a node does itself for some jobs: one of them must be meant. It is of no branch: jobs
 * see nothing of it.
 */
export function whyNotUsedFor(scope: SecretScope, jobs: readonly string[]): string | undefined {
  const refused = jobs.map((job) => whyNotUsed({ ...scope, branches: [] }, { job }));
  return refused.includes(undefined) ? undefined : refused[0];
}

/** A scope in words. */
export function describeScope({ jobs, branches, tags }: SecretScope): string {
  const parts = [
    jobs.length > 0 ? `jobs ${jobs.join(", ")}` : "all jobs",
    ...branches.length > 0 ? [`branches ${branches.join(", ")}`] : [],
    tags.length > 0 ? `nodes with ${tags.join(", ")}` : "all nodes",
  ];
  return parts.join("; ");
}

/** A node by id and name. */
export interface NodeRef {
  /** Its id. */
  readonly node: NodeId;
  /** Its name. */
  readonly name: string;
}

/** One secret, without its value. */
export interface SecretView {
  /** Its name. */
  readonly name: string;
  /** New with each value. */
  readonly version: string;
  /** The command that set the value. */
  readonly command: Digest;
  /** When the value was set, milliseconds since 1970. */
  readonly set_at: number;
  /** By whom. */
  readonly by: KeyId;
  /** What it is for. */
  readonly scope: SecretScope;
  /** Nodes that are to have it and can open it. */
  readonly holders: readonly NodeRef[];
  /** Nodes that are to have it and are not given it yet. */
  readonly waiting: readonly NodeRef[];
  /** Who can open it although it is not, or not any more, to have it: give the secret another value. */
  readonly exposed: readonly (NodeRef & {
    /** `removed` from the realm, or not in the `scope`. */
    readonly why: "removed" | "scope";
  })[];
  /** Runs that have not ended and use it. */
  readonly runs: readonly string[];
}
