/** Open sessions of one node: bearer tokens bound to a key and its role. In memory only: a restart ends them all. */
import {
  apiLimits,
  type Digest,
  digestOf,
  type Envelope,
  type KeyId,
  type NodeId,
  ok,
  openSession,
  refuse,
  type Result,
  type Role,
  roleOf,
  type SessionChallengeView,
  type SessionView,
  type SignedSession,
  toBase64Url,
  utf8,
} from "../protocol/mod.ts";
import type { AgentService } from "../node/mod.ts";
import { createChallenges } from "./challenge.ts";

/** Who asks. */
export interface Session {
  readonly key: KeyId | NodeId;
  readonly role: Role;
  readonly grants: readonly Envelope[];
  readonly until: number;
}

/** What a table needs of the agent. */
export type SessionAuthority = Pick<AgentService, "self" | "realm" | "verifier" | "now" | "revokedAt">;

/** See the module's text. */
export interface SessionTable {
  /** What the next client is to sign. */
  challenge(): SessionChallengeView;
  /** Opens a session for a client that can have reached this node under such origins. An assertion is accepted once. */
  open(signed: SignedSession, isOwnAddress: (origin: string) => boolean): Result<SessionView>;
  /** The session of a token. Expiry and revocation of every key in its chain are judged anew each time. */
  find(token: string): Result<Session>;
}

function dropOld<K>(map: Map<K, number>, now: number): void {
  for (const [key, until] of map) if (until <= now) map.delete(key);
}

/** Makes an empty table. */
export function createSessionTable(
  agent: SessionAuthority,
  bounds: { sessions: number; sessionNonces: number } = apiLimits,
): SessionTable {
  /** Digest of the token → session: whoever reads memory dumps finds no token. */
  const sessions = new Map<Digest, Session>();
  const used = new Map<Digest, number>();
  const challenges = createChallenges();
  const ended = refuse("unauthenticated", "the session is unknown or has ended; open a new one");

  const roomForNonce = (now: number): boolean => {
    if (used.size >= bounds.sessionNonces) dropOld(used, now);
    return used.size < bounds.sessionNonces;
  };
  const roomForSession = (now: number): void => {
    if (sessions.size < bounds.sessions) return;
    for (const [key, s] of sessions) if (s.until <= now) sessions.delete(key);
    if (sessions.size >= bounds.sessions) sessions.delete(sessions.keys().next().value!);
  };

  return {
    challenge: () => ({ node: agent.self, ...challenges.make(agent.now()) }),
    open(signed, isOwnAddress) {
      const now = agent.now();
      const { realm, self, verifier, revokedAt } = agent;
      const challengeUntil = challenges.until;
      const judge = { realm, self, now, verifier, revokedAt, challengeUntil, isOwnAddress };
      const opened = openSession(signed, judge);
      if (!opened.ok) return opened;
      const { id, key, role, staleAt, until } = opened.value;
      if ((used.get(id) ?? 0) > now) {
        return refuse("replayed", "this session assertion was used before; sign a new one");
      }
      if (!roomForNonce(now)) {
        return refuse("rate_limited", "too many sessions were opened in the last minutes; try again later");
      }
      used.set(id, staleAt);
      roomForSession(now);
      const token = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
      sessions.set(digestOf(utf8(token)), { key, role, grants: signed.grants, until });
      return ok({ token, key, role, until });
    },
    find(token) {
      const name = digestOf(utf8(token));
      const session = sessions.get(name);
      if (!session) return ended;
      const now = agent.now();
      if (session.until <= now) {
        sessions.delete(name);
        return ended;
      }
      if (session.key === agent.self) return ok(session);
      const { key, grants } = session;
      const role = roleOf(key, grants, now, agent.realm, agent.verifier, agent.revokedAt);
      if (role.ok) return ok({ ...session, role: role.value });
      sessions.delete(name);
      return role;
    },
  };
}
