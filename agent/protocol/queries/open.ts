/** Requests that need no session: sessions are opened by them, and a command carries its own authority. */
import { SignedCommandSchema } from "../command.ts";
import { apiLimits } from "../limits.ts";
import { SignedSessionSchema } from "../session.ts";
import { query } from "./query.ts";

/** By name. */
export const openQueries = {
  "session.challenge": query({
    method: "GET",
    path: "/api/session",
    summary: "Ask for what to sign to open a session: this node's id and a fresh challenge",
    answer: "json",
    type: "SessionChallengeView",
    cli: [],
  }),
  "session.open": query({
    method: "POST",
    path: "/api/session",
    summary: "Open a session: a signed assertion gives a bearer token for reads",
    body: SignedSessionSchema,
    bodyBytes: apiLimits.sessionBodyBytes,
    answer: "json",
    type: "SessionView",
    cli: [],
  }),
  "command.submit": query({
    method: "POST",
    path: "/api/commands",
    summary: "Submit a signed command; its signature is its authority, no session is needed",
    body: SignedCommandSchema,
    bodyBytes: apiLimits.commandBodyBytes,
    answer: "json",
    type: "SubmittedView",
    cli: [],
  }),
  "openapi.show": query({
    method: "GET",
    path: "/api/openapi.json",
    summary: "This description",
    answer: "json",
    type: "object",
    cli: [],
  }),
} as const;
