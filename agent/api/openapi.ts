/** The OpenAPI 3.1 document, made from the capability table: what is not declared there does not exist. */
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import {
  commandKinds,
  commandLines,
  errorTable,
  queries,
  type Query,
  type QueryName,
  roles,
} from "../protocol/mod.ts";

/** The part of a JSON schema that this file reads. */
interface JsonObject {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

/** Checks that JSON schema cannot express are left out of the document; the server makes them all the same. */
function schemaOf(schema: v.GenericSchema): JsonObject {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    errorMode: "ignore",
    typeMode: "input",
  }) as JsonObject;
  return rest;
}

const problemAnswer = {
  description: "Refused or failed",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};

function parametersOf(query: Query): unknown[] {
  const inPath = [...query.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = query.params
    ? Object.entries(schemaOf(query.params).properties ?? {})
      .map(([name, schema]) => ({ name, in: "query", required: false, schema }))
    : [];
  return [...inPath, ...inQuery];
}

function answerOf(query: Query): unknown {
  const described = { description: query.type, "x-realm-type": query.type };
  switch (query.answer) {
    case "json":
      return { ...described, content: { "application/json": { schema: {} } } };
    case "lines":
      return { ...described, content: { "application/x-ndjson": {}, "text/event-stream": {} } };
    case "text":
      return { ...described, content: { "text/plain": {} } };
    case "bytes":
      return { ...described, content: { "application/octet-stream": {} } };
  }
}

function operation(name: QueryName, query: Query): unknown {
  const upload = query.method === "PUT";
  return {
    operationId: name,
    summary: query.summary,
    "x-realm-role": query.role ?? null,
    "x-realm-cli": query.cli,
    security: query.role === undefined ? [] : [{ session: [] }],
    parameters: parametersOf(query),
    ...(query.body && {
      requestBody: { required: true, content: { "application/json": { schema: schemaOf(query.body) } } },
    }),
    ...(query.multipart && { requestBody: { required: true, content: { "multipart/form-data": {} } } }),
    ...(upload && { requestBody: { required: true, content: { "application/octet-stream": {} } } }),
    responses: {
      [name === "command.submit" || name === "upgrade.upload" ? "202" : "200"]: answerOf(query),
      default: problemAnswer,
    },
  };
}

const commandSchemas = () =>
  Object.fromEntries(
    Object.entries(commandKinds).map(([kind, { schema, role, summary }]) => [kind, {
      ...schemaOf(schema),
      description: summary,
      "x-realm-role": role,
      "x-realm-cli": commandLines[kind as keyof typeof commandKinds],
    }]),
  );

/** What is asked without a session, at the gateway too; see `node/forge/`. */
const openPaths = {
  "/hooks/{job}": {
    post: {
      operationId: "hook.push",
      summary: "A forge tells a push to a job with `webhook_secret` in [trigger], by its signature or token",
      security: [],
      parameters: [{ name: "job", in: "path", required: true, schema: { type: "string" } }],
      requestBody: {
        required: true,
        content: { "application/json": {}, "application/x-www-form-urlencoded": {} },
      },
      responses: { "202": { description: "Whether it was taken, and why not" }, default: problemAnswer },
    },
  },
  "/badge/{job}.svg": {
    get: {
      operationId: "badge.show",
      summary: "How the last run of a job with `badge` in [trigger] went, as a picture",
      security: [],
      parameters: [
        { name: "job", in: "path", required: true, schema: { type: "string" } },
        { name: "branch", in: "query", required: false, schema: { type: "string" } },
      ],
      responses: {
        "200": { description: "An SVG", content: { "image/svg+xml": {} } },
        default: problemAnswer,
      },
    },
  },
};

/** The document for this version of Realm. */
export function openApi(version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = { ...openPaths };
  for (const [name, query] of Object.entries(queries) as [QueryName, Query][]) {
    (paths[query.path] ??= {})[query.method.toLowerCase()] = operation(name, query);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Realm",
      version,
      description:
        "Queries need a session; changes are signed commands, whose bodies are listed under `x-realm-commands`.",
    },
    paths,
    "x-realm-commands": commandSchemas(),
    "x-realm-roles": roles,
    components: {
      securitySchemes: { session: { type: "http", scheme: "bearer" } },
      schemas: {
        Problem: {
          type: "object",
          required: ["type", "title", "status", "detail", "code"],
          properties: {
            type: { type: "string" },
            title: { type: "string" },
            status: { type: "integer" },
            detail: { type: "string" },
            code: { type: "string", enum: Object.keys(errorTable) },
            data: {},
          },
        },
      },
    },
  };
}
