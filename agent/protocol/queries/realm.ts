/** What is asked of the realm as a whole, and of the answering node about itself. */
import * as v from "valibot";
import { monitorLimits } from "../limits.ts";
import { query, whole } from "./query.ts";

/** By name. */
export const realmQueries = {
  "realm.show": query({
    method: "GET",
    path: "/api/realm",
    role: "viewer",
    summary: "The realm at a glance",
    answer: "json",
    type: "RealmView",
    cli: ["status"],
  }),
  "why.show": query({
    method: "GET",
    path: "/api/why/{id}",
    role: "viewer",
    summary:
      "Why an app, run, schedule, node, blob or command is in the state it is in, node by node, with the nearest fix",
    answer: "json",
    type: "WhyView",
    cli: ["why"],
  }),
  "doctor.show": query({
    method: "GET",
    path: "/api/doctor",
    role: "viewer",
    summary: "What the answering node can do and what is missing",
    answer: "json",
    type: "FindingView[]",
    cli: ["doctor"],
  }),
  "doctor.rebuild": query({
    method: "POST",
    path: "/api/doctor/rebuild",
    role: "operator",
    summary:
      "Derive everything anew from the answering node's records, and say whether that changed anything",
    answer: "json",
    type: "RebuiltView",
    cli: ["doctor"],
  }),
  "events.follow": query({
    method: "GET",
    path: "/api/events",
    role: "viewer",
    summary: "What happens, as it happens: JSON lines, SSE, or WebSocket",
    params: v.strictObject({ after: whole(Number.MAX_SAFE_INTEGER) }),
    answer: "lines",
    type: "EventView",
    cli: ["status", "events"],
  }),
  "events.list": query({
    method: "GET",
    path: "/api/events/past",
    role: "viewer",
    summary: "What happened, as the answering node noticed it, oldest first",
    params: v.strictObject({ limit: whole(monitorLimits.events) }),
    answer: "json",
    type: "EventView[]",
    cli: ["events"],
  }),
  "metrics.scrape": query({
    method: "GET",
    path: "/metrics",
    role: "viewer",
    summary: "Counters of the answering node as Prometheus text",
    answer: "text",
    type: "text",
    cli: ["metrics"],
  }),
} as const;
