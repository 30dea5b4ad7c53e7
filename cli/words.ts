/**
 * Words of a command line as options and arguments, by the rules of `util.parseArgs`, which would do as well but that to
 * load it takes a fifth of what `realm --version` takes, and every start of a node waits for it.
 */
import type { OptionSpec } from "./command_spec.ts";
import { UsageError } from "./invocation.ts";

/** What was said. */
export interface Words {
  readonly options: Readonly<Record<string, string | boolean | string[]>>;
  readonly args: readonly string[];
}

/** An option as it is written. */
const written = ({ name, short, value }: OptionSpec): string =>
  `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;

/** Reads the words behind a command. Throws {@link UsageError}. */
export function readWords(words: readonly string[], known: readonly OptionSpec[]): Words {
  const options: Record<string, string | boolean | string[]> = Object.create(null), args: string[] = [];
  const rest = [...words];
  const find = (is: (option: OptionSpec) => boolean, said: string): OptionSpec => {
    const option = known.find(is);
    if (option) return option;
    throw new UsageError(`there is no option ${said.slice(0, 40)}`);
  };
  const set = (option: OptionSpec, value: string | true) => {
    const { name, many } = option;
    if (many && value !== true) options[name] = [...(options[name] as string[] | undefined) ?? [], value];
    else options[name] = value;
  };
  const take = (option: OptionSpec): string => {
    const value = rest.shift();
    if (value === undefined) throw new UsageError(`option '${written(option)}' is without its value`);
    if (value.length === 1 || !value.startsWith("-")) return value;
    throw new UsageError(
      `option '${
        written(option)
      }' is without its value; one that starts with a dash is given as --${option.name}=VALUE`,
    );
  };
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") {
      args.push(...rest);
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      args.push(word);
    } else if (word.startsWith("--")) {
      const equals = word.indexOf("=", 3);
      const name = word.slice(2, equals < 0 ? undefined : equals);
      const option = find((o) => o.name === name, `--${name}`);
      if (option.value === undefined) {
        if (equals >= 0) throw new UsageError(`option '${written(option)}' does not take an argument`);
        set(option, true);
      } else set(option, equals < 0 ? take(option) : word.slice(equals + 1));
    } else {
      // Flags may stand together; the first option with a value takes what is behind it.
      for (let at = 1; at < word.length; at++) {
        const option = find((o) => o.short === word[at], `-${word[at]}`);
        if (option.value === undefined) {
          set(option, true);
          continue;
        }
        set(option, at + 1 < word.length ? word.slice(at + 1) : take(option));
        break;
      }
    }
  }
  return { options, args };
}
