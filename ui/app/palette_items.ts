/** What the command palette offers, and how a search ranks it. */
import {
  type AppView,
  type BlobView,
  type KeyView,
  type RunView,
  type ScheduleView,
  shortId,
} from "../../mod.ts";
import { type Action, asking } from "./actions/action.ts";
import { appActions, deployBefore, rollbackTo } from "./actions/app_actions.ts";
import { blobActions } from "./actions/blob_actions.ts";
import { runActions } from "./actions/job_actions.ts";
import { keyActions } from "./actions/key_actions.ts";
import { nodeActions } from "./actions/node_actions.ts";
import { scheduleActions } from "./actions/schedule_actions.ts";
import type { IconName } from "./icons.tsx";
import { apps, nodes, now } from "./live.ts";
import { addressOf, places } from "./places.tsx";
import { go, to } from "./router.ts";
import { say, sentence } from "./parts.tsx";
import { may, session, signOut } from "./session.ts";

/** One line of the palette. */
export interface Item {
  readonly key: string;
  readonly text: string;
  /** What it is. */
  readonly kind: string;
  readonly icon: IconName;
  readonly run: () => void;
}

/** What only a request tells; fetched when the palette is opened. */
export interface Fetched {
  readonly blobs?: readonly BlobView[];
  readonly keys?: readonly KeyView[];
  readonly runs?: readonly RunView[];
  readonly schedules?: readonly ScheduleView[];
}

/** Lines shown: more than a screen, and a bound on the work of drawing. */
const SHOWN = 60;

const action = (a: Action, name: string, key: string): Item => ({
  key: `do ${a.label} ${key}`,
  text: `${a.label} ${name}`,
  kind: "action",
  icon: a.icon ?? "right",
  run: () => asking.value = a,
});

/** Asks for an app's history first: which deploy stood before is told by nothing else. */
async function rollBack(a: AppView): Promise<void> {
  try {
    const before = deployBefore(await session.value?.client.history(a.name));
    if (before) asking.value = rollbackTo(a, before);
    else say(`${a.name} has no earlier deploy to go back to.`, true);
  } catch (error) {
    say(sentence(error), true);
  }
}

/** How well `text` answers the words searched for: 0 best; `undefined` when a word is not in it. */
export function rank(text: string, words: readonly string[]): number | undefined {
  const low = text.toLowerCase();
  let sum = 0;
  for (const word of words) {
    const at = low.indexOf(word);
    if (at < 0) return undefined;
    sum += at === 0 ? 0 : /[^a-z0-9]/.test(low[at - 1]) ? 1 : 2;
  }
  return sum;
}

function* candidates({ blobs = [], keys = [], runs = [], schedules = [] }: Fetched): Generator<Item> {
  for (const p of places) {
    yield {
      key: `view ${p.noun}`,
      text: p.name,
      kind: "view",
      icon: p.icon,
      run: () => go(addressOf(p)),
    };
    for (const c of p.commands ?? []) {
      if (!may(c.role)) continue;
      yield {
        key: `command ${c.text}`,
        text: c.text,
        kind: "action",
        icon: c.icon,
        run: () => (go(addressOf(p)), c.run?.()),
      };
    }
  }
  const present = (apps.value ?? []).filter((a) => a.phase !== "removed");
  for (const a of present) {
    yield { key: `app ${a.name}`, text: a.name, kind: "app", icon: "app", run: () => go(to("apps", a.name)) };
  }
  for (const n of nodes.value ?? []) {
    yield {
      key: `node ${n.id}`,
      text: n.name.slice(0, 200),
      kind: `node ${shortId(n.id)}`,
      icon: "node",
      run: () => go(to("nodes", n.id)),
    };
  }
  for (const r of runs) {
    yield { key: `run ${r.id}`, text: r.id, kind: "run", icon: "job", run: () => go(to("jobs", r.id)) };
  }
  for (const b of blobs) {
    yield {
      key: `blob ${b.digest}`,
      text: b.name ? `${b.name} ${shortId(b.digest)}` : b.digest,
      kind: "blob",
      icon: "storage",
      run: () => go(to("storage", b.digest)),
    };
  }
  for (const k of keys) {
    yield {
      key: `key ${k.key}`,
      text: k.name ? `${k.name} ${k.key}` : k.key,
      kind: `${k.role} key`,
      icon: "key",
      run: () => go(to("keys", k.key)),
    };
  }
  for (const a of present) {
    for (const x of appActions(a)) if (may(x.role)) yield action(x, a.name, `app ${a.name}`);
    if (!may("operator")) continue;
    yield {
      key: `do Roll back app ${a.name}`,
      text: `Roll back ${a.name}`,
      kind: "action",
      icon: "back",
      run: () => void rollBack(a),
    };
  }
  for (const n of nodes.value ?? []) {
    for (const x of nodeActions(n)) if (may(x.role)) yield action(x, n.name.slice(0, 200), `node ${n.id}`);
  }
  for (const r of runs) {
    for (const x of runActions(r)) if (may(x.role)) yield action(x, r.id, `run ${r.id}`);
  }
  for (const s of schedules) {
    for (const x of scheduleActions(s)) if (may(x.role)) yield action(x, s.name, `schedule ${s.id}`);
  }
  for (const b of blobs) {
    const name = b.name ? `${b.name} ${shortId(b.digest)}` : b.digest;
    for (const x of blobActions(b)) if (may(x.role)) yield action(x, name, `blob ${b.digest}`);
  }
  for (const k of keys) {
    const name = k.name ? `${k.name} ${k.key}` : k.key;
    for (const x of keyActions(k, now.value)) if (may(x.role)) yield action(x, name, `key ${k.key}`);
  }
  yield {
    key: "sign out",
    text: "Sign out",
    kind: "action",
    icon: "leave",
    run: () => signOut("You are signed out; the key is forgotten."),
  };
}

/** The lines that answer a search, the best first; views first where nothing is searched for. */
export function find(text: string, fetched: Fetched): readonly Item[] {
  const words = text.toLowerCase().split(/\s+/).filter((w) => w !== "");
  const found: { item: Item; rank: number }[] = [];
  for (const item of candidates(fetched)) {
    const r = rank(`${item.text} ${item.kind}`, words);
    if (r !== undefined) found.push({ item, rank: r });
    if (words.length === 0 && found.length >= SHOWN) break;
  }
  return found.sort((a, b) => a.rank - b.rank).slice(0, SHOWN).map((f) => f.item);
}
