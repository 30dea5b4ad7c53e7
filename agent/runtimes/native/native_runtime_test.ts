import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  buildAttack,
  lacks,
  nativeIgnored,
  nativeRuntime,
  PLAIN_USER,
  plainAgent,
  programOf,
  type ProgramResult,
  runProgram,
} from "../../../tests/native_bed.ts";
import { type SandboxLevel, sandboxLevels } from "../../protocol/policy.ts";
import type { ProgramSpec } from "../program.ts";
import { findGroups } from "./cgroup/cgroups.ts";
import { sourceLauncher } from "./launch_command.ts";
import { allProcesses, isOver } from "./processes.ts";

const MIB = 1024 * 1024;
/** The script of a child lies elsewhere, and finds the packages by this. */
const CONFIG = fileURLToPath(import.meta.resolve("../../../deno.json"));
const ignore = nativeIgnored("root");

/** Starts programs in one way: at a level, by an agent that is root or one that is not. */
interface Way {
  readonly level: SandboxLevel;
  /** Whether control groups limit and count. */
  readonly groups: boolean;
  run(spec: ProgramSpec): Promise<ProgramResult>;
}

const checks: [string, (way: Way) => Promise<void>][] = [];
/** What holds in every way. */
const eachWay = (name: string, check: (way: Way) => Promise<void>) => void checks.push([name, check]);

/** Processes whose command line has a word in it. */
const processesWith = (word: string): readonly number[] =>
  allProcesses().filter((pid) => {
    try {
      return !isOver(pid) && Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes(word);
    } catch {
      return false;
    }
  });

/** Control groups count exactly; whoever watches misses what was between two looks, the longer the busier the machine. */
const near = (way: Way, value: number | undefined, truth: number, what: string) =>
  assert.ok(
    value !== undefined && Math.abs(value - truth) <= truth * (way.groups ? 0.1 : 0.3),
    `${what}: reported ${value}, truth ${truth}`,
  );

eachWay(
  "a program gets its arguments, a clean environment and its own files, and its end is told",
  async (way) => {
    const script = 'echo "$1"; env; pwd; echo made > made && cat made; echo oops >&2; exit 7';
    const { level, exit, stdout, stderr } = await way.run(
      programOf(["sh", "-c", script, "sh", "a b\n'c'"], { env: { MINE: "x=y" }, workingDir: "/tmp" }),
    );
    assert.equal(level, way.level);
    assert.equal(exit.reason, "exited");
    assert.equal(exit.code, 7);
    assert.match(stdout, /^a b\n'c'\n/);
    const names = [...stdout.matchAll(/^([A-Z_]+)=/gm)].map((m) => m[1]).sort();
    assert.deepEqual(names, ["HOME", "LANG", "MINE", "PATH", "PWD", "REALM_ROOT", "TMPDIR"]);
    assert.match(stdout, /^MINE=x=y$/m);
    assert.match(stdout, /\/tmp\nmade\n$/);
    assert.equal(stderr, "oops\n");
  },
);

eachWay(
  "a program that may listen does so at its ports alone, and reaches nothing",
  async (way) => {
    using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const port = (() => {
      using free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      return free.addr.port;
    })();
    const script = `use IO::Socket::INET;
sub listens { IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $_[0], Listen => 1, ReuseAddr => 1) ? "yes" : "no: $!" }
sub reaches { IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $_[0], Timeout => 5) ? "yes" : "no: $!" }
print "own ", listens(${port}), "\\nother ", listens(${
      port === 65_535 ? port - 1 : port + 1
    }), "\\nany ", listens(0), "\\n";
print "reaches ", reaches(${other.addr.port}), "\\n";
print "datagrams ", (IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.1") ? "yes" : "no: $!"), "\\n";`;
    const { stdout } = await way.run(programOf(["/usr/bin/perl", "-e", script], { bind: [port] }));
    assert.match(
      stdout,
      /^own yes\nother no: Permission denied\nany no: Permission denied\nreaches no: .*\ndatagrams no: .*\n$/,
    );
  },
);

eachWay(
  "a program reads its secrets, by the paths that it is told, and not those of another run",
  async (way) => {
    const own = await Deno.makeTempDir({ prefix: "realm-secrets-" });
    try {
      for (const [attempt, value] of [["mine", "my own value"], ["theirs", "their value"]]) {
        await Deno.mkdir(`${own}/who/${attempt}`, { recursive: true, mode: 0o700 });
        await Deno.writeTextFile(`${own}/who/${attempt}/TOKEN`, value, { mode: 0o400 });
      }
      // So that an agent without rights finds them to be its own.
      for (const path of ["", "/who", "/who/mine", "/who/theirs", "/who/mine/TOKEN", "/who/theirs/TOKEN"]) {
        await Deno.chown(`${own}${path}`, PLAIN_USER, PLAIN_USER);
      }
      const script = `cat "$TOKEN"; echo; echo changed > "$TOKEN"; rm -f "$TOKEN"; cat "$TOKEN"; echo
      ls "$TOKEN/../../.."; cat ${own}/who/theirs/TOKEN; cat "\${TOKEN%/*}/../theirs/TOKEN"; exit 0`;
      const { exit, stdout, level } = await way.run(
        programOf(["sh", "-c", script], {
          secrets: { directory: `${own}/who/mine`, variables: { TOKEN: "TOKEN" } },
        }),
      );
      assert.equal(exit.code, 0);
      assert.ok(stdout.startsWith("my own value\nmy own value\n"), `${level}: ${stdout}`);
      assert.ok(!stdout.includes("their value") && !stdout.includes("theirs"), `${level}: ${stdout}`);
    } finally {
      await Deno.remove(own, { recursive: true });
    }
  },
);

eachWay("a program that is not there or is none is refused with the reason", async (way) => {
  await assert.rejects(
    way.run(programOf(["no-such-program"])),
    /there is no program no-such-program on PATH/,
  );
});

eachWay(
  "memory beyond the limit ends a program and is named, and its peak is told",
  async (way) => {
    const over = await way.run(programOf(["./attack", "memory", "400"], { memoryMb: 64 }));
    if (way.groups) {
      assert.equal(over.exit.reason, "out_of_memory");
      assert.match(over.exit.message, /more than its 64 MiB/);
    } else {
      // Without a control group a fast program is stopped by the bound of one process before it is seen.
      assert.ok(over.exit.reason === "out_of_memory" || over.stdout.includes("refused"), over.exit.message);
    }
    const within = await way.run(programOf(["./attack", "memory", "100"], { memoryMb: 256 }));
    assert.equal(within.exit.code, 0, within.exit.message);
    near(way, within.exit.peakMemoryBytes, 101 * MIB, "peak memory");
  },
);

eachWay("processor time is told", async (way) => {
  const { exit, stdout } = await way.run(programOf(["./attack", "cpu", way.groups ? "1.5" : "3"]));
  near(way, exit.cpuMs, parseFloat(stdout), "processor time");
});

eachWay("more processes than allowed are refused", async (way) => {
  const { exit, stdout } = await way.run(programOf(["./attack", "forks", "500"], { pids: 40 }));
  assert.equal(exit.code, 4, stdout);
  const made = Number(/after (\d+)/.exec(stdout)?.[1]);
  assert.ok(made > 20 && made <= 40, stdout);
  if (way.groups) assert.match(exit.message, /40 is its limit \(pids\)/);
});

eachWay("files beyond the limit end a program, and that is named", async (way) => {
  const { exit } = await way.run(programOf(["./attack", "disk", "60"], { diskMb: 20 }));
  assert.equal(exit.reason, "out_of_disk", exit.message);
  assert.match(exit.message, /its files take \d+ MiB of 20 MiB/);
});

eachWay("a program that runs out of time gets a signal and then its end", async (way) => {
  const polite = await way.run(
    programOf(["sh", "-c", 'trap "echo asked; exit 0" TERM; sleep 50 & wait'], {
      timeoutMs: 1_500,
      graceMs: 20_000,
    }),
  );
  assert.equal(polite.exit.reason, "timed_out");
  assert.equal(polite.stdout, "asked\n");
  const deaf = await way.run(
    programOf(["sh", "-c", 'trap "" TERM; while :; do sleep 1; done'], { timeoutMs: 700, graceMs: 300 }),
  );
  assert.equal(deaf.exit.reason, "timed_out");
});

eachWay("processes that let go of a run end with it", async (way) => {
  const word = `escape-${crypto.randomUUID()}`;
  const { exit, stdout } = await way.run(programOf(["./attack", "escape", word]));
  assert.equal(exit.code, 0, exit.message);
  if (way.groups) assert.equal(stdout, "away\n");
  assert.deepEqual(processesWith(word), []);
});

for (const level of sandboxLevels) {
  Deno.test({
    name: `programs run and are kept within their limits: ${level}, by an agent that is root`,
    ignore,
    async fn(t) {
      const dataDir = await Deno.makeTempDir();
      const attack = await buildAttack(dataDir);
      {
        await using runtime = nativeRuntime(dataDir, { levels: [level] });
        if (lacks(await runtime.sandbox(), level)) return;
        const groups = findGroups().version !== "none";
        const run = (spec: ProgramSpec) => runProgram(runtime, dataDir, spec, { attack });
        for (const [name, check] of checks) await t.step(name, () => check({ level, groups, run }));
      }
      assert.deepEqual([...Deno.readDirSync(`${dataDir}/native`)], [], "notes of runs are left");
      await Deno.remove(dataDir, { recursive: true });
    },
  });
  Deno.test({
    name: `programs run and are kept within their limits: ${level}, by an agent that is not root`,
    ignore,
    async fn(t) {
      const folder = await Deno.makeTempDir();
      await Deno.chmod(folder, 0o755);
      const attack = await buildAttack(folder);
      await using agent = await plainAgent();
      if (lacks(await agent.sandbox(), level)) return;
      const run = (spec: ProgramSpec) => agent.run([level], spec, { attack });
      for (const [name, check] of checks) await t.step(name, () => check({ level, groups: false, run }));
      await Deno.remove(folder, { recursive: true });
    },
  });
}

Deno.test({
  name: "of processor cores a program gets no more than its part",
  ignore: ignore || !findGroups().controllers.includes("cpu"),
  async fn() {
    const dataDir = await Deno.makeTempDir();
    const attack = await buildAttack(dataDir);
    await using runtime = nativeRuntime(dataDir, { levels: ["floor"] });
    const { exit } = await runProgram(
      runtime,
      dataDir,
      programOf(["./attack", "cpu", "0.6"], { cpuCores: 0.3 }),
      { attack },
    );
    assert.equal(exit.code, 0);
    assert.ok(exit.wallMs > 1_500, `took ${exit.wallMs} ms`);
    await Deno.remove(dataDir, { recursive: true });
  },
});

Deno.test({
  name: "what runs of a killed agent left is ended and removed by the next one",
  ignore,
  async fn() {
    const dataDir = await Deno.makeTempDir();
    const word = `left-${crypto.randomUUID()}`;
    const script = `
      import { nativeRuntime, programOf, runProgram } from ${
      JSON.stringify(import.meta.resolve("../../../tests/native_bed.ts"))
    };
      const runtime = nativeRuntime(${JSON.stringify(dataDir)}, { levels: [Deno.args[0]] });
      await runProgram(runtime, ${JSON.stringify(dataDir)},
        programOf(["sh", "-c", "(setsid sleep 1000.${
      word.slice(-8)
    } ${word} 2>/dev/null || setsid sh -c 'while :; do sleep 1; done' ${word}) & sleep 1; echo up; sleep 1000", ${
      JSON.stringify(word)
    }]), {},
        async () => { for (;;) { console.log("up"); await new Promise((r) => setTimeout(r, 100)); } });
    `;
    await Deno.writeTextFile(`${dataDir}/script.ts`, script);
    for (const level of sandboxLevels) {
      const agent = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--quiet", `--config=${CONFIG}`, `${dataDir}/script.ts`, level],
        stdout: "piped",
      }).spawn();
      const reader = agent.stdout.getReader();
      await reader.read();
      await until(() => processesWith(word).length > 1);
      agent.kill("SIGKILL");
      await agent.status;
      await reader.cancel();
      const noted = [...Deno.readDirSync(`${dataDir}/native`)].filter(({ name }) => name.endsWith(".json"));
      assert.ok(noted.length > 0, "the run was not written down");
      const notes = noted.map(({ name }) => JSON.parse(Deno.readTextFileSync(`${dataDir}/native/${name}`)));
      await using next = nativeRuntime(dataDir);
      await next.recover();
      assert.deepEqual(processesWith(word), []);
      for (const directory of notes.flatMap((note) => note.groups)) {
        assert.throws(() => Deno.statSync(directory), Deno.errors.NotFound);
      }
      assert.deepEqual(
        [...Deno.readDirSync(`${dataDir}/native`)].map((e) => e.name).filter((n) => n.endsWith(".json")),
        [],
      );
    }
    await Deno.remove(dataDir, { recursive: true });
  },
});

/** Waits for a condition. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("it did not come about");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test({
  name: "what is missing is tried again when it is asked for, and what was found stays",
  ignore,
  async fn() {
    const dataDir = await Deno.makeTempDir();
    {
      let broken = true;
      const launcher = sourceLauncher(fileURLToPath(new URL("launcher/entry.ts", import.meta.url)));
      await using runtime = nativeRuntime(dataDir, {
        spawnLauncher: (libc) => ({ ...launcher(libc), ...(broken && { command: "false", args: [] }) }),
      });
      const why = async (again?: boolean) => (await runtime.sandbox(again)).levels.floor;
      assert.notEqual(await why(), undefined);
      broken = false;
      assert.notEqual(await why(), undefined, "only when it is asked for");
      assert.equal(await why(true), undefined);
      broken = true;
      assert.equal(await why(true), undefined, "what was there is not tried again");
    }
    await Deno.remove(dataDir, { recursive: true });
  },
});
