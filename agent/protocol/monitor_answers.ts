/** Forms of what members answer about themselves: what does not fit is refused, since it goes on to pages and programs. */
import * as v from "valibot";
import { limits, monitorLimits } from "./limits.ts";

const text = (max: number) => v.pipe(v.string(), v.maxLength(max));
const figure = v.pipe(v.number(), v.finite());

/** Connections of a member. */
export const ConnectionsSchema = v.pipe(
  v.array(v.object({
    node: text(128),
    name: text(128),
    address: text(512),
    direction: v.picklist(["inbound", "outbound"]),
    since: figure,
    rtt_ms: v.optional(figure),
  })),
  v.maxLength(limits.members),
);
/** Findings of a member. */
export const FindingsSchema = v.pipe(
  v.array(v.object({
    subject: text(128),
    state: v.picklist(["ok", "warning", "missing"]),
    detail: text(8_192),
    fix: v.optional(text(1_024)),
  })),
  v.maxLength(256),
);
/** Mounts of an app's replicas at a member. */
export const MountsSchema = v.pipe(
  v.array(v.object({
    replica: text(256),
    node: text(128),
    node_name: text(128),
    kind: v.picklist(["static", "config", "work", "state"]),
    guest: text(4_096),
    read_only: v.boolean(),
    volume: v.optional(text(256)),
    source: v.optional(text(4_096)),
    used_bytes: v.optional(figure),
    quota_bytes: v.optional(figure),
  })),
  v.maxLength(4_096),
);
/** Series of figures at a member. */
export const SeriesSchema = v.record(
  text(64),
  v.pipe(v.array(v.nullable(figure)), v.maxLength(monitorLimits.points + 1)),
);
