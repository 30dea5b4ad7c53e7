import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import fc from "fast-check";
import type { OptionSpec } from "./command_spec.ts";
import { UsageError } from "./invocation.ts";
import { readWords } from "./words.ts";

const known: readonly OptionSpec[] = [
  { name: "name", value: "NAME", summary: "" },
  { name: "tag", short: "t", value: "TAG", many: true, summary: "" },
  { name: "watch", short: "w", summary: "" },
  { name: "json", short: "j", summary: "" },
  { name: "no-mdns", summary: "" },
];

/** What Node's own reader makes of the words; `undefined` when it refuses them. */
function byNode(words: readonly string[]): unknown {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: Object.fromEntries(known.map((o) => [o.name, {
        type: o.value === undefined ? "boolean" as const : "string" as const,
        ...(o.short !== undefined && { short: o.short }),
        ...(o.many && { multiple: true }),
      }])),
      allowPositionals: true,
      strict: true,
    });
    return { options: { ...values }, args: positionals };
  } catch {
    return undefined;
  }
}

function byUs(words: readonly string[]): unknown {
  try {
    const { options, args } = readWords(words, known);
    return { options: { ...options }, args };
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return undefined;
  }
}

Deno.test("words are read as util.parseArgs reads them, and refused where it refuses them", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "--name",
      "--tag",
      "-t",
      "-w",
      "--json",
      "--no-mdns",
      "--",
      "-",
      "",
      "x",
      "--name=",
      "-wt",
    ),
    fc.stringMatching(/^--(name|tag|json|no-mdns|nam)(=[-=a]{0,2})?$/),
    fc.stringMatching(/^-[wtjz=]{1,4}$/),
    fc.stringMatching(/^-{0,3}[a=-]{0,3}$/),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (words) => assert.deepEqual(byUs(words), byNode(words))),
    { numRuns: 1_000 },
  );
});

Deno.test("what is wrong with a word is told", () => {
  for (
    const [words, message] of [
      [["--name"], /^option '--name NAME' is without its value$/],
      [["-t", "-w"], /^option '-t, --tag TAG' is without its value; .* --tag=VALUE$/],
      [["--json=1"], /^option '-j, --json' does not take an argument$/],
      [["-wz"], /^there is no option -z$/],
    ] as const
  ) assert.throws(() => readWords(words, known), (e) => e instanceof UsageError && message.test(e.message));
});
