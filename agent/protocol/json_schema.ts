/** JSON Schemas of what people write in TOML, for editors and the API's description; made from the same schemas. */
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";

/**
 * The JSON Schema (draft 7) of a schema's input. What JSON Schema cannot say (checks by code) is left out: a text that
 * fits it may still be refused.
 */
export function jsonSchemaOf(schema: v.GenericSchema): Readonly<Record<string, unknown>> {
  return toJsonSchema(schema, { typeMode: "input", errorMode: "ignore" }) as Readonly<
    Record<string, unknown>
  >;
}
