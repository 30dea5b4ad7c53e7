import assert from "node:assert/strict";
import { capabilities } from "../mod.ts";
import { openApi } from "../agent/api/mod.ts";
import { commandKinds, queries } from "../agent/protocol/mod.ts";
import { commands, globalOptions } from "./command_table.ts";
import { completions } from "./completions.ts";
import { help } from "./help.ts";
import { type Invocation, UsageError } from "./invocation.ts";
import { parse } from "./parse.ts";

const lines = new Set(commands.map((c) => c.words.join(" ")));
/** What only programs need. */
const programsOnly = ["session.challenge", "session.open", "command.submit", "openapi.show"];

Deno.test("every capability is on every surface: API, OpenAPI, command line", () => {
  const document = openApi("0") as {
    paths: Record<string, Record<string, { operationId: string }>>;
    "x-realm-commands": Record<string, unknown>;
  };
  const operations = Object.values(document.paths).flatMap((p) => Object.values(p)).map((o) => o.operationId);
  for (const { name, form, cli } of capabilities()) {
    if (!programsOnly.includes(name)) assert.ok(cli.length > 0, `${name} has no command line`);
    for (const line of cli) assert.ok(lines.has(line), `${name} names 'realm ${line}', which is not there`);
    const described = form === "query" ? operations : Object.keys(document["x-realm-commands"]);
    assert.ok(described.includes(name), `${name} is not in the OpenAPI document`);
  }
  assert.equal(capabilities().length, Object.keys(queries).length + Object.keys(commandKinds).length);
});

for (const command of commands) {
  const name = command.words.join(" ");
  Deno.test(`realm ${name} can be loaded, has help, and examples that parse`, async () => {
    assert.equal(typeof await command.load(), "function");
    const text = help(command.words, (t) => t);
    assert.ok(text.includes(command.summary));
    for (const o of command.options) assert.ok(text.includes(`--${o.name}`));
    for (const line of text.split("\n")) assert.ok(line.length <= 130, line);
    for (const [example] of command.examples) {
      const words = example.split(" > ")[0].split(" ").slice(1);
      const parsed = await parse(words);
      assert.equal(parsed.kind, "run");
      assert.equal(parsed.kind === "run" && parsed.command.words.join(" "), name);
    }
  });
}

Deno.test("options have one meaning: no long or short name stands twice in one command line", () => {
  for (const c of commands) {
    const all = [...c.options, ...globalOptions];
    const names = all.map((o) => o.name), shorts = all.flatMap((o) => o.short ?? []);
    assert.equal(new Set(names).size, names.length, c.words.join(" "));
    assert.equal(new Set(shorts).size, shorts.length, c.words.join(" "));
  }
});

for (
  const [words, message] of [
    [["nod"], /no command 'nod'; did you mean 'realm node'/],
    [["node"], /'realm node' needs a verb: list, show/],
    [["app", "lsit"], /no 'realm app lsit'; did you mean 'realm app list'/],
    [["app", "list", "--jsn"], /no option --jsn; did you mean '--json'/],
    [["app", "show"], /'realm app show' needs APP/],
    [["app", "show", "a", "b"], /takes no argument "b"/],
    [["deploy", "x", "--strategy", "big"], /--strategy is rolling, canary, all, not "big"/],
    [["deploy", "x", "--replicas"], /replicas/],
    [["--wat"], /no option --wat/],
    [["app", "list", "--json=1"], /does not take an argument/],
  ] as const
) {
  Deno.test(`'realm ${words.join(" ")}' is refused with what is wrong and what is near`, async () => {
    await assert.rejects(parse(words), (e) => e instanceof UsageError && message.test(e.message));
  });
}

Deno.test("options may stand before the command and among its arguments", async () => {
  const parsed = await parse(["--json", "--data-dir", "d", "app", "show", "-w", "site"]);
  assert.ok(parsed.kind === "run");
  assert.deepEqual(parsed.args, ["site"]);
  assert.deepEqual({ ...parsed.options }, { json: true, "data-dir": "d", watch: true });
});

Deno.test("completions of each shell name every command and option", async () => {
  for (const shell of ["bash", "zsh", "fish", "powershell"]) {
    let text = "";
    const terminal = { out: (t: string) => text += t, err() {}, live: false, colour: false, columns: 0 };
    await completions({ args: [shell], options: {}, terminal, dataDir: "" } as unknown as Invocation);
    for (const c of commands) {
      for (const word of c.words) assert.ok(text.includes(word), `${shell}: ${word}`);
      for (const o of c.options) assert.ok(text.includes(o.name), `${shell}: --${o.name}`);
    }
  }
});

Deno.test("bash accepts its completions and they complete", async () => {
  let text = "";
  const terminal = { out: (t: string) => text += t, err() {}, live: false, colour: false, columns: 0 };
  await completions({ args: ["bash"], options: {}, terminal, dataDir: "" } as unknown as Invocation);
  const script = `${text}
COMP_WORDS=(realm app sh); COMP_CWORD=2; _realm; echo "\${COMPREPLY[@]}"
COMP_WORDS=(realm deploy --str); COMP_CWORD=2; _realm; echo "\${COMPREPLY[@]}"
COMP_WORDS=(realm com); COMP_CWORD=1; _realm; echo "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await new Deno.Command("bash", { args: ["--norc", "-c", script] }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.equal(new TextDecoder().decode(stdout), "show\n--strategy\ncompletions\n");
});
