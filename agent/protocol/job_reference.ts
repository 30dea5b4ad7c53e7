/** The reference of a job's keys as Markdown, made from the schema that checks them. */
import { toJsonSchema } from "@valibot/to-json-schema";
import { JobSchema, jobTableNames } from "./job_schema.ts";
import { jobSupport } from "./job_support.ts";

/** The parts of a JSON Schema that are shown. */
interface Shape {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly additionalProperties?: Shape | boolean;
}

function typeOf(shape: Shape): string {
  if (shape.enum) return shape.enum.map((x) => `\`${JSON.stringify(x)}\``).join(", ");
  if (shape.anyOf) return shape.anyOf.map(typeOf).join(" or ");
  switch (shape.type) {
    case "integer":
    case "number": {
      const kind = shape.type === "integer" ? "whole number" : "number";
      return shape.maximum === undefined ? kind : `${kind}, ${shape.minimum ?? 0} to ${shape.maximum}`;
    }
    case "boolean":
      return "`true` or `false`";
    case "array": {
      if (shape.items?.properties) return "list of tables";
      const item = typeOf(shape.items ?? {});
      return `list of ${item === "text" ? "texts" : item}`;
    }
    case "object":
      return "table";
    default:
      return "text";
  }
}

function rows(shape: Shape, prefix: string): string[] {
  return Object.entries(shape.properties ?? {}).flatMap(([key, value]) => {
    const required = shape.required?.includes(key) ? ", required" : "";
    const inner = value.items?.properties ? value.items : value;
    const line = `| \`${prefix}${key}\` | ${typeOf(value)}${required} | ${value.description ?? ""} |`;
    return [line, ...rows(inner, `${prefix}${key}.`)];
  });
}

/** The whole reference. */
export function jobReference(): string {
  const schema = toJsonSchema(JobSchema, { typeMode: "input", errorMode: "ignore" }) as Shape;
  const parts = jobTableNames.map((name) => {
    const table = schema.properties?.[name] ?? {};
    const inner = table.items ?? table;
    const head = name === "step" ? "[[step]]" : `[${name}]`;
    const lines = rows(inner, "");
    const free = typeof inner.additionalProperties === "object" && lines.length === 0
      ? "\nKeys are names of your own.\n"
      : "";
    const keys = lines.length === 0
      ? ""
      : `\n| key | value | meaning |\n| --- | --- | --- |\n${lines.join("\n")}\n`;
    return `## ${head}\n\n${table.description ?? "What the job is."}\n${free}${keys}`;
  });
  const gaps = jobSupport().map((line) => `- ${line}\n`).join("");
  return `# Keys of a job

Made from the schema by \`deno task reference\`; a test holds the two together. A manifest holds one job as the tables
below, or a pipeline as \`[[jobs]]\`, each entry of which has these tables (\`[jobs.job]\`, \`[jobs.runtime]\` …).

In \`command\` and in the values of \`[env]\`, \`{matrix.AXIS}\` stands for the value of an axis; the program also finds it as
\`MATRIX_AXIS\` in its environment. A job with \`[trigger]\` runs not when it is submitted but when the repository
changes: each new commit at the end of a branch starts one run, which takes that commit and finds it and its branch as
\`REALM_COMMIT\` and \`REALM_BRANCH\`; in \`group\` of \`[concurrency]\`, \`{ref}\` stands for the branch, which for other jobs is
the \`ref\` of the first input by git.

## What this version carries out

Every key below is checked. A job that uses one of these is refused when it is submitted, with file, line and key:

${gaps}
${parts.join("\n")}`;
}
