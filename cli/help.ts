/** Help texts, made from the command table. */
import { commands, type CommandSpec, globalOptions, nouns, type OptionSpec } from "./command_table.ts";
import { UsageError } from "./invocation.ts";

/** Text with emphasis; plain where there are no colours. */
export type Bold = (text: string) => string;

const argument = ({ name, optional, many }: CommandSpec["args"][number]): string => {
  const shown = many ? `${name}…` : name;
  return optional ? `[${shown}]` : shown;
};
const usage = (c: CommandSpec): string => ["realm", ...c.words, ...c.args.map(argument)].join(" ");

function rows(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.min(34, Math.max(0, ...pairs.map(([a]) => a.length)));
  return pairs.map(([a, b]) =>
    a.length > width ? `  ${a}\n  ${"".padEnd(width)}  ${b}` : `  ${a.padEnd(width)}  ${b}`
  )
    .join("\n");
}

const optionRow = (o: OptionSpec): [string, string] => [
  `${o.short !== undefined ? `-${o.short}, ` : "    "}--${o.name}${
    o.value !== undefined ? ` ${o.value}` : ""
  }`,
  o.summary,
];

function overview(bold: Bold): string {
  const single = commands.filter((c) => c.words.length === 1);
  const verbsOf = (noun: string) =>
    commands.filter((c) => c.words[0] === noun).map((c) => c.words[1]).join("|");
  const groups = nouns.map((noun): [string, string] => [`${noun} ${verbsOf(noun)}`, ""]);
  return `${bold("realm")}: a peer-to-peer compute mesh that you own

${bold("Usage")}
  realm COMMAND [OPTIONS]
  realm COMMAND --help

${bold("Commands")}
${rows(single.map((c) => [[...c.words, ...c.args.map(argument)].join(" "), c.summary]))}

${bold("More commands")}
${groups.map(([a]) => `  ${a}`).join("\n")}

${bold("Options of all commands")}
${rows([...globalOptions.map(optionRow), ["-V, --version", "Show the version"]])}

${bold("Exit codes")}
  0 done, 1 failed, 2 usage, 3 refused, 4 not found, 5 unreachable, 124 timed out

${bold("Start")}
  realm init && realm up                 a realm of one node
  realm invite                           a token for the next machine
  realm join TOKEN                       there
  realm deploy ./my-app                  an app on it
`;
}

function nounHelp(noun: string, bold: Bold): string {
  const own = commands.filter((c) => c.words[0] === noun);
  return `${bold("Usage")}
  realm ${noun} VERB [OPTIONS]

${bold("Verbs")}
${rows(own.map((c) => [[...c.words.slice(1), ...c.args.map(argument)].join(" "), c.summary]))}

See 'realm ${noun} VERB --help'.
`;
}

function commandHelp(c: CommandSpec, bold: Bold): string {
  const parts = [
    `${bold(usage(c))}\n\n${c.summary}.`,
    c.text,
    c.options.length > 0 && `${bold("Options")}\n${rows(c.options.map(optionRow))}`,
    `${bold("Options of all commands")}\n${rows(globalOptions.map(optionRow))}`,
    c.examples.length > 0 &&
    `${bold("Examples")}\n${c.examples.map(([line, what]) => `  ${line}\n      ${what}`).join("\n")}`,
  ];
  return parts.filter((p) => p).join("\n\n") + "\n";
}

/** Help for a command, for a noun, or for all. */
export function help(words: readonly string[], bold: Bold): string {
  if (words.length === 0) return overview(bold);
  const exact = commands.find((c) => c.words.join(" ") === words.join(" "));
  if (exact) return commandHelp(exact, bold);
  if (nouns.includes(words[0])) return nounHelp(words[0], bold);
  throw new UsageError(`there is no command '${words.join(" ").slice(0, 40)}'; see 'realm --help'`);
}
