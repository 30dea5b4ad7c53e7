/** What the node knows, kept current by one event stream; says when it is not. */
import { computed, effect, signal, untracked } from "@preact/signals";
import { type AppView, type EventView, type NodeView, RealmError, type RealmView } from "../../mod.ts";
import { heard, type Session, session, signOut } from "./session.ts";

/** The realm; each `undefined` until first heard. */
export const realm = signal<RealmView | undefined>(undefined);
export const nodes = signal<readonly NodeView[] | undefined>(undefined);
export const apps = signal<readonly AppView[] | undefined>(undefined);
/** What happened, oldest first; bounded. */
export const events = signal<readonly EventView[] | undefined>(undefined);
/** Rises with each refresh: what views fetch by themselves hangs on it. */
export const version = signal(0);
/** Rises with each entry of the audit. */
export const audited = signal(0);
/** Whether what is shown is current; `since`: from when on it is not, 0 while the first connection is being made. */
export const link = signal<{ readonly live: boolean; readonly since: number }>({ live: false, since: 0 });
/** Rises with each change of a run. */
export const worked = signal(0);
/** Now, to the second. */
export const now = signal(Date.now());
/** Rises every 10 s: that often come new samples, and what changes without an event is asked for. */
export const beat = computed(() => Math.floor(now.value / 10_000));

/** Between two refreshes, and between two without any event: figures such as round trips make no events. */
const THROTTLE_MS = 400, POLL_MS = 10_000;
/** The node says that it lives every 15 s. */
const SILENCE_MS = 35_000;
const RETRY_MS = [300, 600, 1_200, 2_500, 5_000];
const ENDED = ["unauthenticated", "grant_expired", "grant_revoked", "not_authorised", "wrong_realm"];
/** Events kept, as many as the node remembers; and those fetched at first, for the overview. */
const KEPT = 10_000, FIRST = 300;

/** What an event's topic makes old. */
const READS: Readonly<Record<string, readonly ("nodes" | "apps")[]>> = {
  nodes: ["nodes"],
  node: ["nodes", "apps"],
  members: ["nodes", "apps"],
  apps: ["apps", "nodes"],
  app: ["apps"],
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

/** Takes in events, each once and in order. */
export function remember(more: readonly EventView[]): void {
  const old = events.value ?? [], last = old.at(-1)?.n ?? -1, first = old[0]?.n ?? Infinity;
  const fresh = more.filter((e) => e.n > last && e.what !== "changed");
  const past = more.filter((e) => e.n < first && e.what !== "changed");
  if (old.length === 0) events.value = fresh;
  else if (fresh.length > 0 || past.length > 0) events.value = [...past, ...old, ...fresh].slice(-KEPT);
}

/** Fetches all events that the node remembers. */
export async function rememberAll(): Promise<void> {
  const past = await session.value?.client.pastEvents(KEPT);
  if (past) remember(past);
}

async function refresh({ client }: Session, what: ReadonlySet<string>): Promise<void> {
  // The same answer is the same object (see `watched`), so that nothing is drawn anew for it.
  const [r, n, a] = await Promise.all([
    client.realm(),
    what.has("nodes") ? client.nodes() : nodes.value,
    what.has("apps") ? client.apps() : apps.value,
  ]);
  realm.value = r;
  nodes.value = n;
  apps.value = a;
  version.value++;
}

async function follow(s: Session): Promise<void> {
  const attempt = new AbortController();
  const both = AbortSignal.any([attempt.signal, s.end.signal]);
  const dirty = new Set<string>();
  let pending: EventView[] = [];
  let running = false, open = false, failure: unknown;
  const again = async (...what: string[]) => {
    for (const w of what) dirty.add(w);
    if (running) return;
    running = true;
    try {
      while (dirty.size > 0 && !both.aborted) {
        // Read after the stream was opened: nothing that changes from now on is missed.
        const current = open;
        const now = new Set(dirty), told = pending;
        dirty.clear();
        pending = [];
        if (told.length > 0) remember(told);
        if (told.some((e) => e.topic === "audit")) audited.value++;
        if (told.some((e) => e.topic === "jobs")) worked.value++;
        await refresh(s, now);
        if (current && !link.value.live) link.value = { live: true, since: 0 };
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
  heard.opened = () => {
    open = true;
    // What changed while nothing was heard is not told again.
    audited.value++;
    worked.value++;
    void again("realm", "nodes", "apps");
  };
  let polls = 0;
  const poll = setInterval(() => {
    if (Date.now() - heard.at > SILENCE_MS) attempt.abort();
    else if (!document.hidden) void again("nodes", ...++polls % 3 === 0 ? ["apps"] : []);
  }, POLL_MS);
  const shown = () => void (document.hidden || again("nodes", "apps"));
  document.addEventListener("visibilitychange", shown);
  try {
    void again("nodes", "apps");
    if (!events.value) remember(await s.client.pastEvents(FIRST));
    for await (const event of s.client.events(events.value?.at(-1)?.n, both)) {
      pending.push(event);
      void again("realm", ...READS[event.topic] ?? []);
    }
  } finally {
    clearInterval(poll);
    document.removeEventListener("visibilitychange", shown);
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
    if (link.value.live || link.value.since === 0) link.value = { live: false, since: Date.now() };
    if (Date.now() - started > SILENCE_MS) tries = 0;
    await wait(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)], s.end.signal);
  }
}

/** Follows whoever is signed in, from now on. */
export function startLive(): void {
  setInterval(() => document.hidden || (now.value = Date.now()), 1_000);
  effect(() => {
    const s = session.value;
    // What following reads is no reason to follow once more.
    if (s) return untracked(() => void run(s));
    realm.value = undefined;
    nodes.value = undefined;
    apps.value = undefined;
    events.value = undefined;
    link.value = { live: false, since: 0 };
  });
}
