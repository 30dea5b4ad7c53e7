/** What a query is, and the forms of its parameters. */
import * as v from "valibot";
import type { Role } from "../grant.ts";
import { monitorLimits } from "../limits.ts";

/** How a query answers: one JSON value, a stream of JSON lines (NDJSON, or SSE when asked for), bytes, or plain text. */
export type AnswerKind = "json" | "lines" | "bytes" | "text";

/** One query, or another request that is no command. */
export interface Query<
  P extends v.GenericSchema = v.GenericSchema,
  B extends v.GenericSchema = v.GenericSchema,
> {
  readonly method: "GET" | "POST" | "PUT";
  /** Path with `{name}` for each parameter. */
  readonly path: string;
  /** Role that the session needs; `undefined` where none is needed. */
  readonly role?: Exclude<Role, "owner">;
  readonly summary: string;
  /** Parameters of the query string. */
  readonly params?: P;
  /** JSON body. */
  readonly body?: B;
  readonly bodyBytes?: number;
  /** The body is multipart/form-data that the answer reads itself. */
  readonly multipart?: boolean;
  readonly answer: AnswerKind;
  /** Name of the answer's type in `mod.ts`. */
  readonly type: string;
  /** The command lines that offer it; empty for what only programs need. */
  readonly cli: readonly string[];
}

/** A parameter that is there or not. */
export const flag = v.optional(
  v.pipe(
    v.picklist(["", "1", "true", "0", "false"]),
    v.transform((s) => s === "" || s === "1" || s === "true"),
  ),
);
/** A whole number from 0. */
export const whole = (max: number) =>
  v.optional(v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,15}$/, "a whole number"),
    v.transform(Number),
    v.maxValue(max, `at most ${max}`),
  ));
/** Which stretch of time of some figures. */
export const stretch = v.strictObject({
  last_ms: whole(monitorLimits.coarseMs),
  points: whole(monitorLimits.points),
});
/** A word or a name. */
export const word = v.optional(v.pipe(v.string(), v.maxLength(256)));

/** Declares a query and keeps its exact type. */
export const query = <P extends v.GenericSchema, B extends v.GenericSchema>(q: Query<P, B>): Query<P, B> => q;
