/**
 * Which version a node runs: the content of `versions/pointer.json`, and every change of it as a pure function. The file
 * is replaced whole, so that at any moment of power loss it names one version that proved itself, and at most one on
 * trial beside it. Supervisor and agent take turns: the agent marks and commits, the supervisor counts starts and returns,
 * and writes only while no agent runs.
 */
import * as v from "valibot";
import {
  decodeJson,
  type Digest,
  orderVersions,
  PlatformSchema,
  type Quarantined,
  QuarantinedSchema,
  type Result,
  upgradeLimits,
  VersionSchema,
} from "../protocol/mod.ts";
import { POINTER_FILE } from "../protocol/pointer_file.ts";

const DigestText = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const InstalledSchema = v.strictObject({ sha256: DigestText, version: VersionSchema });
/** An executable under `versions/`. */
export type Installed = v.InferOutput<typeof InstalledSchema>;

const TrialSchema = v.strictObject({
  ...InstalledSchema.entries,
  platform: PlatformSchema,
  upgrade: DigestText,
  /** Version before. */
  from: v.string(),
  probation_ms: count,
  deadline_ms: count,
  /** Whether another member was there to acknowledge it. */
  peers: v.boolean(),
  /** How often it was started. */
  starts: count,
});
/** An executable that has to prove itself. */
export type Trial = v.InferOutput<typeof TrialSchema>;

const EndedSchema = v.strictObject({
  upgrade: DigestText,
  from: v.string(),
  state: v.picklist(["done", "rolled_back", "skipped"]),
  reason: v.optional(v.string()),
  at: count,
});
/** How the last upgrade ended here. */
export type Ended = v.InferOutput<typeof EndedSchema>;

const PointerSchema = v.strictObject({
  format: v.literal(1),
  /** What runs; absent: the executable that `realm up` was started with. */
  current: v.optional(InstalledSchema),
  /** Version of the executable that `realm up` was started with when `current` was installed. */
  base: v.optional(v.string()),
  /** What ran before. */
  previous: v.optional(InstalledSchema),
  trial: v.optional(TrialSchema),
  ended: v.optional(EndedSchema),
  quarantined: v.array(QuarantinedSchema),
});
/** See the module's text. */
export type Pointer = v.InferOutput<typeof PointerSchema>;

/** Of a node that was never upgraded. */
export const noPointer: Pointer = { format: 1, quarantined: [] };

/** Reads the file. */
export const parsePointer = (bytes: Uint8Array): Result<Pointer> =>
  decodeJson(bytes, PointerSchema, POINTER_FILE);

/** Starts of a trial: a second one when the machine stopped during the first, for that need not be the trial's doing. */
export const TRIAL_STARTS = 2;

/** The new version goes on trial. */
export const marked = (pointer: Pointer, trial: Omit<Trial, "starts">): Pointer => {
  const { ended: _, ...rest } = pointer;
  return { ...rest, trial: { ...trial, starts: 0 } };
};

/** The version on trial proved itself. `base`: version of the executable that the supervisor was started with. */
export function committed(pointer: Pointer, base: string, now: number): Pointer {
  const { trial, previous: _, ...rest } = pointer;
  if (!trial) return pointer;
  const { sha256, version, upgrade, from } = trial;
  return {
    ...rest,
    ...(pointer.current ? { previous: pointer.current } : {}),
    current: { sha256, version },
    base,
    ended: { upgrade, from, state: "done", at: now },
  };
}

/** The version on trial did not prove itself: the one before stands, and the file is not run again. */
export function returned(pointer: Pointer, reason: string, now: number): Pointer {
  const { trial, ...rest } = pointer;
  if (!trial) return pointer;
  const { sha256, version, platform, upgrade, from } = trial;
  return {
    ...withQuarantined(rest, { sha256, version, platform, reason, at: now }),
    ended: { upgrade, from, state: "rolled_back", reason, at: now },
  };
}

/** A file is not to be run here. */
export function withQuarantined(pointer: Pointer, entry: Quarantined): Pointer {
  const others = pointer.quarantined.filter((q) => q.sha256 !== entry.sha256);
  const reason = entry.reason.slice(0, 1_000);
  return { ...pointer, quarantined: [...others, { ...entry, reason }].slice(-upgradeLimits.quarantined) };
}

/** What a supervisor is to start, and what it writes down before. */
export interface Start {
  readonly pointer: Pointer;
  /** Absent: the executable that it was started with itself. */
  readonly run?: Installed;
  readonly trial?: Trial;
}

/** Which version to start. `own`: version of the executable that the supervisor was started with. */
export function toStart(pointer: Pointer, own: string, now: number): Start {
  if (pointer.trial) {
    if (pointer.trial.starts >= TRIAL_STARTS) {
      return toStart(returned(pointer, "the machine stopped during its probation, twice", now), own, now);
    }
    const trial = { ...pointer.trial, starts: pointer.trial.starts + 1 };
    return { pointer: { ...pointer, trial }, run: trial, trial };
  }
  const { current, base, previous: _, ...rest } = pointer;
  // Somebody installed a later executable by hand: that is what is wished now.
  if (current && own !== base && orderVersions(own, current.version) > 0) return { pointer: rest };
  return current ? { pointer, run: current } : { pointer };
}

/** Files that a pointer names. */
export const named = ({ current, previous, trial }: Pointer): ReadonlySet<Digest> =>
  new Set([current, previous, trial].flatMap((i) => i ? [i.sha256] : []));
