/** Shell completions, made from the command table. Names of apps and nodes are asked from the running node. */
import { commands, type CommandSpec, globalOptions, nouns, type OptionSpec } from "./command_table.ts";
import { type Handler, UsageError } from "./invocation.ts";

const single = commands.filter((c) => c.words.length === 1);
const verbsOf = (noun: string) => commands.filter((c) => c.words[0] === noun && c.words.length === 2);
const optionsOf = (c: CommandSpec): readonly OptionSpec[] => [...c.options, ...globalOptions];
const first = [...single.map((c) => c.words[0]), ...nouns];
const dynamic = (c: CommandSpec): string | undefined => {
  const kind = c.args[0]?.kind;
  return kind === "app" || kind === "node" ? `realm ${kind} list --json 2>/dev/null` : undefined;
};
/** Names out of `--json` without another program. */
const NAMES = `sed -n 's/^    "name": "\\([^"]*\\)".*/\\1/p'`;

function bash(): string {
  const cases = commands.map((c) => {
    const words = optionsOf(c).map((o) => `--${o.name}`).join(" ");
    const ask = dynamic(c);
    const args = ask
      ? ` $(${ask} | ${NAMES})`
      : c.words[0] === "completions"
      ? " bash zsh fish powershell"
      : "";
    const files = c.args.some((a) => a.kind === "file") ? "; files=1" : "";
    return `    "${
      c.words.join(" ")
    }") words="${words}"; [[ $cur == -* ]] || words="${args.trim()}"${files} ;;`;
  });
  const nounCases = nouns.map((n) => `      ${n}) words="${verbsOf(n).map((c) => c.words[1]).join(" ")}" ;;`);
  return `# bash completion for realm
_realm() {
  local cur=\${COMP_WORDS[COMP_CWORD]} words="" files="" command=\${COMP_WORDS[1]}
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W "${first.join(" ")}" -- "$cur")); return
  fi
  if (( COMP_CWORD == 2 )); then
    case $command in
${nounCases.join("\n")}
    esac
    if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$cur")); return; fi
  fi
  case " ${nouns.join(" ")} " in *" $command "*) command="$command \${COMP_WORDS[2]}" ;; esac
  case $command in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ -n $files || $cur == */* || \${COMP_WORDS[COMP_CWORD-1]} == --@(out|key|data-dir) ]]; then
    COMPREPLY+=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _realm realm
`;
}

const zshText = (s: string) => s.replaceAll(/[[\]:'"\`\\$]/g, " ").replaceAll(/\s+/g, " ").trim();

function zsh(): string {
  const list = (items: readonly (readonly [string, string])[]) =>
    items.map(([name, text]) => `'${name}:${zshText(text)}'`).join(" ");
  const top = list([
    ...single.map((c) => [c.words[0], c.summary] as const),
    ...nouns.map((n) => [n, `${n} commands`] as const),
  ]);
  const verbs = nouns.map((n) =>
    `    ${n}) items=(${list(verbsOf(n).map((c) => [c.words[1], c.summary]))}) ;;`
  );
  const cases = commands.map((c) => {
    const options = optionsOf(c).map((o) =>
      `'--${o.name}${o.value ? "=" : ""}[${zshText(o.summary)}]${o.value ? ":" + o.value + ":_files" : ""}'`
    );
    const ask = dynamic(c);
    const rest = ask
      ? `'*:name:($(${ask} | ${NAMES.replaceAll("'", `"`)}))'`
      : c.args.some((a) => a.kind === "file")
      ? "'*:file:_files'"
      : c.words[0] === "completions"
      ? "'*:shell:(bash zsh fish powershell)'"
      : "";
    return `    "${c.words.join(" ")}") _arguments ${options.join(" ")} ${rest} ;;`;
  });
  return `#compdef realm
_realm() {
  local -a items
  if (( CURRENT == 2 )); then items=(${top}); _describe command items; return; fi
  if (( CURRENT == 3 )); then
    case $words[2] in
${verbs.join("\n")}
    esac
    if (( $#items )); then _describe verb items; return; fi
  fi
  local command=$words[2]
  case " ${nouns.join(" ")} " in *" $command "*) command="$command $words[3]" ;; esac
  case $command in
${cases.join("\n")}
  esac
}
compdef _realm realm
`;
}

const fishText = (s: string) => s.replaceAll("\\", "\\\\").replaceAll("'", "\\'");

function fish(): string {
  const lines = ["# fish completion for realm", "complete -c realm -f"];
  for (const c of single) {
    lines.push(`complete -c realm -n __fish_use_subcommand -a ${c.words[0]} -d '${fishText(c.summary)}'`);
  }
  for (const n of nouns) {
    lines.push(`complete -c realm -n __fish_use_subcommand -a ${n} -d '${n} commands'`);
    const verbs = verbsOf(n).map((c) => c.words[1]).join(" ");
    for (const c of verbsOf(n)) {
      lines.push(
        `complete -c realm -n '__fish_seen_subcommand_from ${n}; and not __fish_seen_subcommand_from ${verbs}' -a ${
          c.words[1]
        } -d '${fishText(c.summary)}'`,
      );
    }
  }
  for (const c of commands) {
    const seen = c.words.map((w) => `__fish_seen_subcommand_from ${w}`).join("; and ");
    for (const o of c.options) {
      const short = o.short === undefined ? "" : ` -s ${o.short}`;
      const choices = o.choices ? ` -a '${o.choices.join(" ")}'` : "";
      lines.push(
        `complete -c realm -n '${seen}' -l ${o.name}${short}${o.value ? " -r" : ""}${choices} -d '${
          fishText(o.summary)
        }'`,
      );
    }
    const ask = dynamic(c);
    if (ask) lines.push(`complete -c realm -n '${seen}' -a "(${ask} | ${NAMES})"`);
    if (c.args.some((a) => a.kind === "file")) lines.push(`complete -c realm -n '${seen}' -F`);
    if (c.words[0] === "completions") {
      lines.push(`complete -c realm -n '${seen}' -a 'bash zsh fish powershell'`);
    }
  }
  for (const o of globalOptions) {
    lines.push(`complete -c realm -l ${o.name}${o.value ? " -r" : ""} -d '${fishText(o.summary)}'`);
  }
  return lines.join("\n") + "\n";
}

function powershell(): string {
  const quote = (words: readonly string[]) => words.map((w) => `'${w}'`).join(", ");
  const rows = commands.map((c) =>
    `    '${c.words.join(" ")}' = @(${quote(optionsOf(c).map((o) => `--${o.name}`))})`
  );
  const verbs = nouns.map((n) => `    '${n}' = @(${quote(verbsOf(n).map((c) => c.words[1]))})`);
  return `# PowerShell completion for realm
Register-ArgumentCompleter -Native -CommandName realm -ScriptBlock {
  param($word, $ast, $position)
  $verbs = @{
${verbs.join("\n")}
  }
  $options = @{
${rows.join("\n")}
  }
  $typed = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($word -ne '' -and $typed.Count -gt 0) { $typed = @($typed | Select-Object -SkipLast 1) }
  if ($typed.Count -eq 0) { $found = @(${quote(first)}) }
  elseif ($typed.Count -eq 1 -and $verbs.ContainsKey($typed[0])) { $found = $verbs[$typed[0]] }
  elseif ($verbs.ContainsKey($typed[0])) { $found = $options["$($typed[0]) $($typed[1])"] }
  else { $found = $options[$typed[0]] }
  $found | Where-Object { $_ -like "$word*" } |
    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
`;
}

const shells: Readonly<Record<string, () => string>> = { bash, zsh, fish, powershell };

/** See the module's text. */
export const completions: Handler = (i) => {
  const [shell] = i.args;
  const make = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
  if (!make) {
    throw new UsageError(
      `SHELL is ${Object.keys(shells).join(", ")}, not ${JSON.stringify(shell.slice(0, 40))}`,
    );
  }
  i.terminal.out(make());
  return Promise.resolve();
};
