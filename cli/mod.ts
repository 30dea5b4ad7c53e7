/**
 * The command line: one file per noun; each parses, calls the client, prints. It decides nothing. The entry loads
 * only the table of commands; what a command needs is loaded when it runs.
 */
import { type CliHost, type Invocation, type OptionValues, type Terminal, UsageError } from "./invocation.ts";
import { parse } from "./parse.ts";

export type { CliHost, UpOptions } from "./invocation.ts";

const encoder = new TextEncoder();
/** Writes all of a text; a reader that went away (`| head`) ends the process quietly, as other tools do. */
function write(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  try {
    for (let bytes = encoder.encode(text); bytes.length > 0;) bytes = bytes.subarray(to.writeSync(bytes));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    throw error;
  }
}

function terminalOf(noColour: boolean): Terminal {
  const live = Deno.stdout.isTerminal();
  return {
    out: (text) => write(Deno.stdout, text),
    err: (text) => write(Deno.stderr, text),
    live,
    colour: live && !noColour && (Deno.env.get("NO_COLOR") ?? "") === "" && Deno.env.get("TERM") !== "dumb",
    columns: live ? Deno.consoleSize().columns : 0,
  };
}

/** The platform's usual place for an application's data. */
export function defaultDataDir(): string {
  const env = (name: string) => Deno.env.get(name) || undefined;
  const home = env("HOME") ?? env("USERPROFILE") ?? ".";
  switch (Deno.build.os) {
    case "windows":
      return `${env("LOCALAPPDATA") ?? `${home}\\AppData\\Local`}\\Realm`;
    case "darwin":
      return `${home}/Library/Application Support/Realm`;
    default:
      return `${env("XDG_DATA_HOME") ?? `${home}/.local/share`}/realm`;
  }
}

/** An absolute path, so that a child process finds it too. */
function absolute(path: string): string {
  const rooted = path.startsWith("/") || /^[A-Za-z]:[\\/]|^\\\\/.test(path);
  return (rooted ? path : `${Deno.cwd()}/${path.replace(/^\.\/+/, "")}`).replace(/(?<=.)\/+$/, "");
}

/** One sentence on stderr, and the exit code that goes with it. */
async function fail(error: unknown, terminal: Terminal): Promise<number> {
  const say = (message: string) =>
    terminal.err(terminal.colour ? `\x1b[31mrealm:\x1b[0m ${message}\n` : `realm: ${message}\n`);
  if (error instanceof UsageError) {
    say(error.message);
    return 2;
  }
  const { exitCodeOf, RealmError } = await import("../mod.ts");
  if (error instanceof RealmError) {
    say(error.message);
    return exitCodeOf(error.code);
  }
  say(`it failed unexpectedly: ${error instanceof Error ? error.message : String(error)}`);
  if (Deno.env.get("REALM_DEBUG")) terminal.err(`${(error as Error)?.stack}\n`);
  return 1;
}

/** Carries out one command line (the words after `realm`) and gives the exit code. Never throws. */
export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  const terminal = terminalOf(argv.includes("--no-color"));
  try {
    const parsed = await parse(argv);
    if (parsed.kind === "version") {
      terminal.out(`realm ${host.version}\n`);
      return 0;
    }
    if (parsed.kind === "help") {
      const { help } = await import("./help.ts");
      terminal.out(help(parsed.words, (t) => terminal.colour ? `\x1b[1m${t}\x1b[0m` : t));
      return 0;
    }
    const options: OptionValues = parsed.options;
    const given = typeof options["data-dir"] === "string"
      ? options["data-dir"]
      : Deno.env.get("REALM_DATA_DIR");
    const invocation: Invocation = {
      args: parsed.args,
      options,
      terminal,
      host,
      dataDir: absolute(given || defaultDataDir()),
    };
    const run = await parsed.command.load();
    return await run(invocation) ?? 0;
  } catch (error) {
    return await fail(error, terminal);
  }
}
