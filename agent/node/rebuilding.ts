/**
 * `realm doctor --rebuild`: throws away what was derived from the records and derives it anew, and says whether that
 * changed anything. It never should: same records, same projections.
 */
import { type Core, storeDigest } from "../core/mod.ts";
import { canonicalJson, type RebuiltView } from "../protocol/mod.ts";
import type { CoreLoop } from "./core_loop.ts";

/** Maps and sets as sorted lists, so that the order in which something came does not count. */
function plain(value: unknown): unknown {
  if (value instanceof Map) {
    return [...value].map(([k, v]) => [String(k), plain(v)] as const).sort((a, b) => a[0] < b[0] ? -1 : 1);
  }
  if (value instanceof Set) return [...value].map(String).sort();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) {
    return value instanceof Uint8Array ? [...value] : value;
  }
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
}

/** What was derived, by kind, as text. */
function projections(core: Core): Readonly<Record<string, string>> {
  const { infos, verdicts, tags, scheduling, apps, pins, members, authority } = core;
  const text = (value: unknown) => canonicalJson(plain(value));
  return {
    nodes: text([infos, verdicts, tags, scheduling]),
    apps: text(
      [...apps.values()].map(({ name, desired, removed, decision, statuses }) => ({
        name,
        desired: desired ?? null,
        removed: removed ?? null,
        decision: decision?.value ?? null,
        statuses,
      })).sort((a, b) => a.name < b.name ? -1 : 1),
    ),
    pins: text([...pins].map(([digest, { pin }]) => [digest, pin ?? null]).sort()),
    members: text([members.admitted, members.removed, members.revokedInvites]),
    keys: text([[...authority.grants.keys()].sort(), authority.revoked]),
    commands: text([...core.commands.keys()].sort()),
  };
}

/** Does it. */
export function rebuildProjections(core: Core, loop: CoreLoop): RebuiltView {
  const before = projections(core);
  loop.feed({ t: "rebuild" });
  const after = projections(core);
  let records = 0;
  for (const log of core.store.authors.values()) records += log.live.size;
  return {
    records,
    digest: storeDigest(core.store),
    changed: Object.keys(before).filter((kind) => before[kind] !== after[kind]),
  };
}
