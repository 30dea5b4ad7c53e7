/** What the node knows, kept current by one event stream; says when it is not. */
import { effect, signal } from "@preact/signals";
import { type AppView, type AuditView, type NodeView, RealmError, type RealmView } from "../../mod.ts";
import { heard, type Session, session, signOut } from "./session.ts";

/** The realm; each `undefined` until first heard. */
export const realm = signal<RealmView | undefined>(undefined);
export const nodes = signal<readonly NodeView[] | undefined>(undefined);
export const apps = signal<readonly AppView[] | undefined>(undefined);
export const recent = signal<readonly AuditView[] | undefined>(undefined);
/** Rises with each refresh: what views fetch by themselves hangs on it. */
export const version = signal(0);
/** Whether what is shown is current; `since`: from when on it is not. */
export const link = signal<{ readonly live: boolean; readonly since: number }>({ live: true, since: 0 });
/** Now, to the second. */
export const now = signal(Date.now());

/** Between two refreshes, and between two without any event: figures such as round trips make no events. */
const THROTTLE_MS = 400, POLL_MS = 10_000;
/** The node says that it lives every 15 s. */
const SILENCE_MS = 35_000;
const RETRY_MS = [300, 600, 1_200, 2_500, 5_000];
const ENDED = ["unauthenticated", "grant_expired", "grant_revoked", "not_authorised", "wrong_realm"];

const set = <T>(to: { value: T }, value: T) => {
  if (JSON.stringify(to.value) !== JSON.stringify(value)) to.value = value;
};
const wait = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const stop = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      removeEventListener("online", stop);
      resolve();
    };
    const timer = setTimeout(stop, ms);
    signal.addEventListener("abort", stop);
    addEventListener("online", stop);
  });

async function refresh({ client }: Session): Promise<void> {
  const [r, n, a, l] = await Promise.all([
    client.realm(),
    client.nodes(),
    client.apps(),
    client.audit({ limit: 14 }),
  ]);
  set(realm, r);
  set(nodes, n);
  set(apps, a);
  set(recent, l);
  version.value++;
}

async function follow(s: Session): Promise<void> {
  const attempt = new AbortController();
  const both = AbortSignal.any([attempt.signal, s.end.signal]);
  let dirty = false, running = false, failure: unknown;
  const again = async () => {
    dirty = true;
    if (running) return;
    running = true;
    try {
      while (dirty && !both.aborted) {
        dirty = false;
        await refresh(s);
        link.value = { live: true, since: 0 };
        await wait(THROTTLE_MS, both);
      }
    } catch (error) {
      failure = error;
      attempt.abort();
    } finally {
      running = false;
    }
  };
  heard.at = Date.now();
  heard.opened = () => void again();
  const poll = setInterval(() => {
    if (Date.now() - heard.at > SILENCE_MS) attempt.abort();
    else if (!document.hidden) void again();
  }, POLL_MS);
  try {
    for await (const _ of s.client.events(undefined, both)) void again();
  } finally {
    clearInterval(poll);
    attempt.abort();
  }
  if (failure) throw failure;
}

async function run(s: Session): Promise<void> {
  for (let tries = 0; !s.end.signal.aborted; tries++) {
    const started = Date.now();
    try {
      await follow(s);
    } catch (error) {
      if (s.end.signal.aborted) return;
      if (error instanceof RealmError && ENDED.includes(error.code)) {
        return signOut(`The session ended: ${error.message}.`);
      }
    }
    if (s.end.signal.aborted) return;
    if (link.value.live) link.value = { live: false, since: Date.now() };
    if (Date.now() - started > SILENCE_MS) tries = 0;
    await wait(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)], s.end.signal);
  }
}

/** Follows whoever is signed in, from now on. */
export function startLive(): void {
  setInterval(() => document.hidden || (now.value = Date.now()), 1_000);
  effect(() => {
    const s = session.value;
    if (s) return void run(s);
    realm.value =
      nodes.value =
      apps.value =
      recent.value =
        undefined;
    link.value = { live: true, since: 0 };
  });
}
