/** What is asked about apps. */
import * as v from "valibot";
import { commandKinds } from "../command.ts";
import { apiLimits } from "../limits.ts";
import { flag, query, stretch, whole, word } from "./query.ts";

/** By name. */
export const appQueries = {
  "app.list": query({
    method: "GET",
    path: "/api/apps",
    role: "viewer",
    summary: "All apps",
    answer: "json",
    type: "AppView[]",
    cli: ["app list"],
  }),
  "app.show": query({
    method: "GET",
    path: "/api/apps/{app}",
    role: "viewer",
    summary: "One app with its replicas",
    answer: "json",
    type: "AppView",
    cli: ["app show"],
  }),
  "app.history": query({
    method: "GET",
    path: "/api/apps/{app}/history",
    role: "viewer",
    summary: "The deploys and rollbacks of an app, newest first",
    answer: "json",
    type: "RevisionView[]",
    cli: ["app history"],
  }),
  "app.metrics": query({
    method: "GET",
    path: "/api/metrics/apps/{app}",
    role: "viewer",
    summary: "Figures of an app over time, over all nodes that run it or take its requests",
    params: stretch,
    answer: "json",
    type: "MetricsView",
    cli: ["app metrics"],
  }),
  "app.mounts": query({
    method: "GET",
    path: "/api/apps/{app}/mounts",
    role: "viewer",
    summary: "Directories that an app's replicas see, and how much is in them",
    answer: "json",
    type: "MountsView",
    cli: ["app show"],
  }),
  "app.logs": query({
    method: "GET",
    path: "/api/apps/{app}/logs",
    role: "viewer",
    summary: "Log lines of an app's replicas, from every node; live with `follow`",
    params: v.strictObject({
      follow: flag,
      tail: whole(apiLimits.logTail),
      since: whole(8.64e15),
      grep: word,
    }),
    answer: "lines",
    type: "LogLineView",
    cli: ["app logs"],
  }),
  "app.plan": query({
    method: "POST",
    path: "/api/plan",
    role: "viewer",
    summary: "What a deploy would change, and where",
    body: commandKinds["app.deploy"].schema,
    bodyBytes: apiLimits.commandBodyBytes,
    answer: "json",
    type: "PlanView",
    cli: ["deploy"],
  }),
} as const;
