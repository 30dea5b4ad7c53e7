/** What messages and documents tell people to type is there. */
import assert from "node:assert/strict";
import { commands, globalOptions } from "./command_table.ts";

const root = new URL("..", import.meta.url);
const TEXTS = /\.(ts|tsx|md|sh)$/,
  PASSED_OVER = /(^|\/)(node_modules|dist|\.cache|out)(\/|$)|_test\.ts$|^tests\//;

async function* files(below: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(below, root))) {
    const path = below + name;
    if (PASSED_OVER.test(path) || name.startsWith(".")) continue;
    if (isDirectory) yield* files(`${path}/`);
    else if (TEXTS.test(name)) yield path;
  }
}

/** Names that begin alike and are no command lines. */
const OTHERS = ["mdns", "secret box 1"];

/** What stands in a document's blocks of code. */
const fences = (text: string) =>
  [...text.matchAll(/^```[^\n]*\n(.*?)^```/gms)].map(([, code]) => code).join("");

/** What is wrong with a command line that a text names, as far as it goes; `undefined`: nothing. */
function wrongWith(line: string): string | undefined {
  const words = line.split(/\s+/);
  const groups = new Set(commands.map((c) => c.words[0]));
  if (!groups.has(words[0])) return `there is no 'realm ${words[0]}'`;
  const verb = /^[a-z]+$/.test(words[1] ?? "") ? words[1] : undefined;
  const command =
    commands.find((c) => c.words.length === 2 && c.words[0] === words[0] && c.words[1] === verb) ??
      commands.find((c) => c.words.length === 1 && c.words[0] === words[0]);
  if (!command) return verb === undefined ? undefined : `there is no 'realm ${words[0]} ${verb}'`;
  const known = new Set([...command.options, ...globalOptions].map((o) => o.name));
  for (const [, option] of line.matchAll(/ --([a-z][a-z-]*)/g)) {
    if (!known.has(option) && option !== "help") {
      return `'realm ${command.words.join(" ")}' has no --${option}`;
    }
  }
}

Deno.test("a command that does not exist is found out in a text", () => {
  assert.equal(wrongWith("storage gc"), "there is no 'realm storage gc'");
  assert.equal(wrongWith("deploy X --many"), "'realm deploy' has no --many");
  assert.equal(wrongWith("deploy x.realm --plan"), undefined);
});

Deno.test("every command and option that messages and documents name is there", async () => {
  const wrong: string[] = [];
  let seen = 0;
  for await (const path of files("")) {
    const text = await Deno.readTextFile(new URL(path, root));
    // In quotes or backticks, or as a line of its own in a document.
    const lines = path.endsWith(".md")
      ? [...fences(text).matchAll(/^realm ([a-z][^#\n]*)/gm), ...text.matchAll(/`realm ([a-z][^`|…]*)`/g)]
      : [...text.matchAll(/['"`]realm ([a-z]+(?: [^'"`\n$]*)?)['"`$]/g)];
    for (const [, line] of lines) {
      if (OTHERS.includes(line.trim())) continue;
      seen++;
      const why = wrongWith(line.trim());
      if (why) wrong.push(`${path}: ${line.trim()}: ${why}`);
    }
  }
  assert.ok(seen > 150, `${seen} commands were found`);
  assert.deepEqual(wrong, []);
});
