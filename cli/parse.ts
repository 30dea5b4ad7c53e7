/** Words of a command line to a command with options and arguments; says what is wrong and what is near. */
import { commands, type CommandSpec, findCommand, globalOptions, nouns } from "./command_table.ts";
import { type OptionValues, UsageError } from "./invocation.ts";
import { readWords, type Words } from "./words.ts";

/** What a command line asks for. */
export type Parsed =
  | { readonly kind: "version" }
  | { readonly kind: "help"; readonly words: readonly string[] }
  | {
    readonly kind: "run";
    readonly command: CommandSpec;
    readonly args: readonly string[];
    readonly options: OptionValues;
  };

/** `; did you mean …?` when one of `known` is near. The library is loaded only for a mistake. */
async function hint(word: string, known: readonly string[], prefix: string): Promise<string> {
  const { nearest } = await import("../mod.ts");
  const near = nearest(word, known);
  return near === undefined ? "" : `; did you mean '${prefix}${near}'?`;
}

async function unknownCommand(words: readonly string[]): Promise<UsageError> {
  const [first, second] = words;
  if (nouns.includes(first)) {
    const verbs = commands.filter((c) => c.words[0] === first).map((c) => c.words[1]);
    if (second === undefined) {
      return new UsageError(`'realm ${first}' needs a verb: ${verbs.join(", ")}`);
    }
    return new UsageError(
      `there is no 'realm ${first} ${second}'${
        await hint(second, verbs, `realm ${first} `) || `; there is ${verbs.join(", ")}`
      }`,
    );
  }
  const known = [...new Set(commands.map((c) => c.words[0]))];
  return new UsageError(
    `there is no command '${first.slice(0, 40)}'${
      await hint(first, known, "realm ") || "; see 'realm --help'"
    }`,
  );
}

async function checkOptions(command: CommandSpec, words: readonly string[]): Promise<void> {
  const known = [...command.options, ...globalOptions];
  for (const word of words) {
    if (word === "--") return;
    const match = /^--([^=]+)/.exec(word);
    if (match && !known.some((o) => o.name === match[1])) {
      const near = await hint(match[1], known.map((o) => o.name), "--");
      const see = near || `; see 'realm ${command.words.join(" ")} --help'`;
      throw new UsageError(`there is no option --${match[1].slice(0, 40)}${see}`);
    }
  }
}

function checkArguments(command: CommandSpec, args: readonly string[]): void {
  const name = `realm ${command.words.join(" ")}`;
  const required = command.args.filter((a) => !a.optional).length;
  const most = command.args.some((a) => a.many) ? Infinity : command.args.length;
  if (args.length < required) {
    throw new UsageError(`'${name}' needs ${command.args[args.length].name}; see '${name} --help'`);
  }
  if (args.length > most) {
    const said = command.isPrivate ? "further argument" : `argument ${JSON.stringify(args[most])}`;
    throw new UsageError(`'${name}' takes no ${said}; see '${name} --help'`);
  }
}

function read(command: CommandSpec, words: readonly string[]): Words {
  try {
    return readWords(words, [...command.options, ...globalOptions]);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${error.message}; see 'realm ${command.words.join(" ")} --help'`);
  }
}

/** Options that stand before the command, such as `realm --json app list`, go behind it. */
function commandFirst(argv: readonly string[]): readonly string[] {
  let i = 0;
  while (i < argv.length && argv[i].startsWith("-")) {
    const option = globalOptions.find((o) => argv[i] === `--${o.name}`);
    i += option?.value !== undefined ? 2 : 1;
  }
  const found = findCommand(argv.slice(i));
  const n = found?.words.length ?? 0;
  return [...argv.slice(i, i + n), ...argv.slice(0, i), ...argv.slice(i + n)];
}

/** Parses the words after `realm`. Throws {@link UsageError}. */
export async function parse(given: readonly string[]): Promise<Parsed> {
  const argv = commandFirst(given);
  const first = argv[0];
  if (first === "--version" || first === "-V" || first === "version") return { kind: "version" };
  if (first === "help") return { kind: "help", words: argv.slice(1) };
  const end = argv.indexOf("--");
  const before = end < 0 ? argv : argv.slice(0, end);
  const command = findCommand(argv);
  if (first === undefined || before.includes("--help") || before.includes("-h")) {
    const words = command?.words ?? argv.filter((w) => nouns.includes(w)).slice(0, 1);
    if (!command && words.length === 0 && first !== undefined && !first.startsWith("-")) {
      throw await unknownCommand(argv);
    }
    return { kind: "help", words };
  }
  if (!command) {
    if (first.startsWith("-")) {
      throw new UsageError(`there is no option ${first.slice(0, 40)}; see 'realm --help'`);
    }
    throw await unknownCommand(argv);
  }
  const rest = argv.slice(command.words.length);
  await checkOptions(command, rest);
  const { options, args } = read(command, rest);
  checkArguments(command, args);
  for (const { name, choices } of command.options) {
    const value = options[name];
    if (choices && typeof value === "string" && !choices.includes(value)) {
      throw new UsageError(`--${name} is ${choices.join(", ")}, not ${JSON.stringify(value.slice(0, 40))}`);
    }
  }
  return { kind: "run", command, args, options };
}
