/** `deno task check`: format, lint with the project's own rules, types, docs; stops at the first that fails. */

const steps: readonly (readonly string[])[] = [
  ["fmt", "--check"],
  ["lint"],
  ["check", "main.ts", "mod.ts", "cli", "agent", "ui", "targets", "tests"],
  ["doc", "--lint", "mod.ts"],
];
/** Deno 2.9.5 sometimes dies of SIGSEGV while it unloads a lint plugin: a crash is no verdict, so ask again. */
const CRASH_RETRIES = 5;

async function run(args: readonly string[]): Promise<number> {
  for (let attempt = 0;; attempt++) {
    const output = await new Deno.Command(Deno.execPath(), { args: [...args] }).output();
    const crashed = output.signal === "SIGSEGV";
    if (crashed && attempt < CRASH_RETRIES) continue;
    if (!output.success) {
      await Deno.stdout.write(output.stdout);
      await Deno.stderr.write(output.stderr);
    }
    return output.code;
  }
}

for (const args of steps) {
  const code = await run(args);
  console.log(`${code === 0 ? "ok    " : "failed"} deno ${args.join(" ")}`);
  if (code !== 0) Deno.exit(1);
}
