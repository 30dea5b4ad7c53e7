/** What is asked about jobs, their runs and their schedules. */
import * as v from "valibot";
import { commandKinds } from "../command.ts";
import { apiLimits } from "../limits.ts";
import { flag, query, whole, word } from "./query.ts";

/** By name. */
export const jobQueries = {
  "job.plan": query({
    method: "POST",
    path: "/api/jobs/plan",
    role: "viewer",
    summary: "Where the runs of a submission could go now, node by node with every reason against it",
    body: commandKinds["job.submit"].schema,
    bodyBytes: apiLimits.commandBodyBytes,
    answer: "json",
    type: "JobPlanView",
    cli: ["job submit"],
  }),
  "job.list": query({
    method: "GET",
    path: "/api/jobs",
    role: "viewer",
    summary: "Runs of jobs, newest first",
    params: v.strictObject({ state: word, job: word, limit: whole(apiLimits.runs) }),
    answer: "json",
    type: "RunView[]",
    cli: ["job list"],
  }),
  "schedule.list": query({
    method: "GET",
    path: "/api/schedules",
    role: "viewer",
    summary: "Schedules of recurring jobs, the one that is due first first",
    answer: "json",
    type: "ScheduleView[]",
    cli: ["job list", "job schedules"],
  }),
  "schedule.show": query({
    method: "GET",
    path: "/api/schedules/{schedule}",
    role: "viewer",
    summary: "One schedule with its next and its latest ticks",
    answer: "json",
    type: "ScheduleView",
    cli: ["job schedules"],
  }),
  "job.show": query({
    method: "GET",
    path: "/api/runs/{run}",
    role: "viewer",
    summary: "One run with its attempts and artifacts",
    answer: "json",
    type: "RunView",
    cli: ["job status", "job artifacts"],
  }),
  "job.spec": query({
    method: "GET",
    path: "/api/runs/{run}/spec",
    role: "viewer",
    summary: "What one run was asked to do, with every file by its digest",
    answer: "json",
    type: "JobRunSpec",
    cli: ["job rerun"],
  }),
  "job.logs": query({
    method: "GET",
    path: "/api/runs/{run}/logs",
    role: "viewer",
    summary:
      "The log of one run, from whichever node has it; live with `follow`, from `after` (`ATTEMPT:SEQ`) on",
    params: v.strictObject({ follow: flag, after: word, attempt: whole(apiLimits.runs) }),
    answer: "lines",
    type: "RunLogView",
    cli: ["job logs", "job submit", "submit"],
  }),
} as const;
