/** Becoming a member: the founder admits itself, others ask through the bootstrap addresses, and both find back. */
import { joinRealm } from "../mesh/mod.ts";
import {
  type Admission,
  AdmissionSchema,
  decodeJson,
  type ErrorCode,
  errorTable,
  fromBase64Url,
  type Invite,
  inviteId,
  InviteSchema,
  limits,
  type NodeId,
  openRecord,
  RealmError,
  type RealmFile,
  type RealmRecord,
  refuse,
  sealJoin,
  type Signer,
  utf8,
  type Verifier,
  WireRecordSchema,
} from "../protocol/mod.ts";
import { type Core, isMember, type Reply } from "../core/mod.ts";
import type { Log } from "../ports.ts";
import type { CoreLoop } from "./core_loop.ts";
import * as v from "valibot";

const AnswerSchema = v.union([
  v.strictObject({ ok: v.literal(true), records: v.array(WireRecordSchema) }),
  v.strictObject({ ok: v.literal(false), code: v.string(), message: v.string() }),
]);

/** The node's signed wish to be a member by its invite. */
export function admissionOf(
  file: RealmFile,
  node: NodeId,
  signer: Signer,
  name: string,
  now: number,
): Admission {
  const request = { v: 1 as const, realm: file.realm, node, invite: inviteId(file.invite), at: now, name };
  return { invite: file.invite, request: sealJoin(request, signer) };
}

/** The invite inside `realm.json`; its signature is checked by whoever admits. */
export function inviteOf(file: RealmFile): Invite {
  const decoded = decodeJson(
    fromBase64Url(file.invite.envelope.payload),
    InviteSchema,
    "the invite in realm.json",
  );
  if (!decoded.ok) throw new RealmError("invite_invalid", decoded.message);
  return decoded.value;
}

/** Whether this machine founded the realm. */
export const isFounder = (invite: Invite): boolean => invite.bootstrap.length === 0 && invite.uses === 1;

/** Answers a stranger's join request. */
export function answerJoin(
  request: Uint8Array,
  from: NodeId,
  ask: (admission: Admission) => Reply,
): Uint8Array {
  const admission = decodeJson(request, AdmissionSchema, "the join request");
  const reply = !admission.ok
    ? admission
    : admission.value.request.keyid !== from
    ? refuse("invite_invalid", "the join request is signed by another key than the connection's")
    : ask(admission.value);
  return utf8(JSON.stringify(
    reply.ok
      ? { ok: true, records: reply.value.records ?? [] }
      : { ok: false, code: reply.code, message: reply.message },
  ));
}

/** Asks members to let this node in; returns the records to start from. Throws `RealmError` with their refusal. */
export async function askToJoin(options: {
  readonly addresses: readonly string[];
  readonly seed: Uint8Array;
  readonly admission: Admission;
  readonly verifier: Verifier;
  readonly signal?: AbortSignal;
}): Promise<RealmRecord[]> {
  const bytes = await joinRealm({
    addresses: options.addresses,
    privateKey: options.seed,
    request: utf8(JSON.stringify(options.admission)),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const answer = decodeJson(bytes, AnswerSchema, "the answer to the join request");
  if (!answer.ok) throw new RealmError("failed", answer.message);
  if (!answer.value.ok) {
    const code = Object.hasOwn(errorTable, answer.value.code) ? answer.value.code as ErrorCode : "failed";
    throw new RealmError(code, answer.value.message);
  }
  return answer.value.records.flatMap((wire) => {
    const opened = openRecord(wire, options.verifier);
    return opened.ok ? [opened.value] : [];
  });
}

/** What becoming a member takes. */
export interface Candidacy {
  readonly core: Core;
  readonly loop: CoreLoop;
  readonly invite: Invite;
  /** Addresses of members remembered from before. */
  readonly known: readonly string[];
  readonly seed: Uint8Array;
  /** Made anew for each attempt: an old one is refused. */
  readonly admission: () => Admission;
  readonly verifier: Verifier;
  readonly log: Log;
}

/** How {@link whileUnreachable} waits. */
export interface Patience {
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<unknown>;
  readonly random: () => number;
  /** Told of each attempt that failed and is made again. */
  readonly onFailure: (error: RealmError, pauseMs: number) => void;
}

/**
 * Tries until there is an answer. A refusal is one; that nobody could be reached is not, until `limits.joinPatienceMs`
 * are over: then the last error stands. Pauses have jitter, so that machines started together do not ask in step.
 */
export async function whileUnreachable<T>(attempt: () => Promise<T>, patience: Patience): Promise<T> {
  const { now, pause, random, onFailure } = patience;
  const end = now() + limits.joinPatienceMs;
  for (let longest: number = limits.joinPauseMs;; longest = Math.min(2 * longest, limits.joinPauseMostMs)) {
    try {
      return await attempt();
    } catch (error) {
      const pauseMs = Math.round(longest * (0.5 + random() / 2));
      const final = !(error instanceof RealmError) || error.code !== "unreachable" || now() + pauseMs >= end;
      if (final) throw error;
      onFailure(error, pauseMs);
      await pause(pauseMs);
    }
  }
}

/** Founds the realm by its own invite, or joins it by way of a member. Throws `RealmError` with the refusal. */
export async function becomeMember(candidacy: Candidacy): Promise<void> {
  const { core, loop, invite, known, seed, admission, verifier, log } = candidacy;
  if (isFounder(invite) && invite.until > Date.now()) {
    const reply = loop.ask((ref) => ({ t: "join", ref, admission: admission() }));
    if (!reply.ok) throw new RealmError(reply.code, reply.message);
    return;
  }
  const addresses = [...new Set([...invite.bootstrap, ...known])];
  let told = false;
  const records = await whileUnreachable(
    () => askToJoin({ addresses, seed, admission: admission(), verifier }),
    {
      now: () => performance.now(),
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      random: Math.random,
      onFailure({ message }, pauseMs) {
        log[told ? "debug" : "warn"]("no member lets this node in yet; it goes on asking for a while", {
          why: message,
          pauseMs,
        });
        told = true;
      },
    },
  );
  loop.feed({ t: "load", records, fresh: true });
  if (isMember(core.members, core.config.self)) return;
  throw new RealmError(
    "not_member",
    "the realm let this node in but its proof does not hold; update Realm on all nodes",
  );
}
