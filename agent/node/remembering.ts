/** What a node writes down from time to time: what its next start goes on from, and how far its audit chain is. */
import { type Core, headsOf, isInTouch, isMember } from "../core/mod.ts";
import type { Database } from "../platform/mod.ts";
import type { AuditLog } from "./audit_log.ts";
import type { CoreLoop } from "./core_loop.ts";

/** How often; the audit chain's head is published when it grew. */
const EVERY_MS = 60_000;
/** Addresses of members kept, and of each: enough to find one that lives. */
const ADDRESSES = 64, ADDRESSES_EACH = 2;

/** Parts of the node. */
export interface MemoryParts {
  readonly core: Core;
  readonly loop: CoreLoop;
  readonly database: Database;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Starts it; its end writes down once more how far the records are whole. */
export function startRemembering({ core, loop, database, audit, now }: MemoryParts): Disposable {
  const { self } = core.config;
  const rememberHeads = () => {
    if (!isInTouch(core, now())) return;
    database.transaction(() => {
      database.setMeta("heads", JSON.stringify(headsOf(core.store)));
      database.setMeta("in_touch_at", String(now()));
    }, "later");
  };
  let published = audit.head().count;
  const timer = setInterval(() => {
    const head = audit.head();
    rememberHeads();
    if (head.count !== published) loop.feed({ t: "audited", ...head });
    published = head.count;
    const addresses = [...core.infos].filter(([id]) => id !== self && isMember(core.members, id))
      .flatMap(([, info]) => info.addresses.slice(0, ADDRESSES_EACH)).slice(0, ADDRESSES);
    if (addresses.length > 0) database.setMeta("addresses", JSON.stringify(addresses));
  }, EVERY_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      rememberHeads();
    },
  };
}
