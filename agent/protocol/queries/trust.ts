/** What is asked about who may do what: policies, secrets, keys, and the audit. */
import * as v from "valibot";
import { apiLimits } from "../limits.ts";
import { query, whole, word } from "./query.ts";

/** By name. */
export const trustQueries = {
  "policy.show": query({
    method: "GET",
    path: "/api/policy",
    role: "viewer",
    summary: "What nodes may run: the realm's rules, those of single nodes, and what holds on each",
    answer: "json",
    type: "PolicyView",
    cli: ["policy show"],
  }),
  "secret.list": query({
    method: "GET",
    path: "/api/secrets",
    role: "viewer",
    summary: "All secrets: what they are for and who can open them, never their values",
    answer: "json",
    type: "SecretView[]",
    cli: ["secret list"],
  }),
  "secret.show": query({
    method: "GET",
    path: "/api/secrets/{secret}",
    role: "viewer",
    summary: "One secret, without its value",
    answer: "json",
    type: "SecretView",
    cli: ["secret show", "secret scope"],
  }),
  "secret.recipients": query({
    method: "GET",
    path: "/api/secret-recipients",
    role: "viewer",
    summary: "Nodes that a secret for nodes with these tags is to be sealed to",
    params: v.strictObject({ tags: v.optional(v.pipe(v.string(), v.maxLength(4_096))) }),
    answer: "json",
    type: "NodeRef[]",
    cli: ["secret set"],
  }),
  "key.list": query({
    method: "GET",
    path: "/api/keys",
    role: "viewer",
    summary: "Keys that hold or held a role",
    answer: "json",
    type: "KeyView[]",
    cli: ["key show"],
  }),
  "audit.list": query({
    method: "GET",
    path: "/api/audit",
    role: "viewer",
    summary: "Audit entries of the answering node, newest first",
    params: v.strictObject({
      since: whole(8.64e15),
      actor: word,
      action: word,
      target: word,
      limit: whole(apiLimits.auditEntries),
    }),
    answer: "json",
    type: "AuditView[]",
    cli: ["audit list", "audit export"],
  }),
  "audit.verify": query({
    method: "GET",
    path: "/api/audit/verify",
    role: "viewer",
    summary: "Check the audit chain of the answering node",
    answer: "json",
    type: "AuditCheckView",
    cli: ["audit verify"],
  }),
} as const;
