/**
 * What a hostile program tries (tests/fixtures/native/attack.c), at each sandbox level, under an agent that is root and
 * one that is not. Everything is refused but what stands in the lists below, each with why it is not.
 */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
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
import type { SandboxLevel } from "../../protocol/policy.ts";

/** Its own: that is what it is for. */
const OWN = ["write to own files", "write to own /tmp"];
/** What Landlock does not know: socket files are reached where their modes allow it, arguments of processes are public. */
const FLOOR = [...OWN, "connect to a socket file", "read another process's arguments"];
/** As the agent's own user no file mode hides that a file exists. */
const FLOOR_PLAIN = [...FLOOR, "stat another run's file"];
/** Both end in the run's own namespaces: nobody gets the datagram, and process 1 is the run's own. */
const NAMESPACED = [...OWN, "send by UDP", "read /proc/1/environ"];

/** Landlock knows about signals and abstract sockets since Linux 6.12. */
const [major, minor] = Deno.osRelease().split(".").map(Number);
const hasScopes = major > 6 || (major === 6 && minor >= 12);
const UNSCOPED = hasScopes ? [] : ["connect to an abstract socket"];
const UNSCOPED_PLAIN = hasScopes ? [] : ["signal another process"];

/** What a program may meet on its way out, and what of it is reached. */
async function world(victimUser: number | undefined, attack: string) {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const secret = `${folder}/other/secret`,
    setuid = `${folder}/setuid/program`,
    socket = `${folder}/open.sock`;
  await Deno.mkdir(`${folder}/other`, { mode: 0o700 });
  await Deno.writeTextFile(secret, "of another run");
  if (victimUser !== undefined) {
    for (const p of [`${folder}/other`, secret]) await Deno.chown(p, victimUser, 0);
  }
  await Deno.mkdir(`${folder}/setuid`);
  await Deno.copyFile(attack, setuid);
  await Deno.chmod(setuid, 0o4755);
  await Deno.mkdir(`${folder}/outside`);
  await Deno.chmod(`${folder}/outside`, 0o777);
  const tcp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const udp = createSocket("udp4");
  udp.bind(0, "127.0.0.1");
  await once(udp, "listening");
  const unix = Deno.listen({ transport: "unix", path: socket });
  await Deno.chmod(socket, 0o777);
  const abstract = `realm-test-${crypto.randomUUID().slice(0, 8)}`;
  const listener = new Deno.Command(attack, { args: ["listen", abstract], stdout: "piped" }).spawn();
  const said = listener.stdout.getReader();
  await said.read();
  const user = victimUser === undefined ? [] : ["--reuid", String(victimUser), "--clear-groups"];
  const victim = new Deno.Command("setpriv", { args: [...user, "sleep", "600"], env: { SECRET: "x" } })
    .spawn();
  let reached = 0;
  const count = async (connections: AsyncIterable<unknown>) => {
    try {
      for await (const _ of connections) reached++;
    } catch { /* it is closed */ }
  };
  void count(tcp);
  udp.on("message", () => reached++);
  return {
    read: [`${folder}/setuid`],
    args: [
      secret,
      `${folder}/outside`,
      socket,
      abstract,
      String((tcp.addr as Deno.NetAddr).port),
      String(udp.address().port),
      String(victim.pid),
      setuid,
    ],
    reached: () => reached,
    async [Symbol.asyncDispose]() {
      for (const open of [tcp, udp, unix]) open.close();
      await said.cancel();
      for (const child of [victim, listener]) {
        child.kill("SIGKILL");
        await child.status;
      }
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function check(
  result: ProgramResult,
  level: SandboxLevel,
  allowed: readonly string[],
  reached: number,
): void {
  assert.equal(result.level, level);
  const lines = result.stdout.trim().split("\n");
  assert.ok(lines.length >= 35, `the list of attacks ended early: ${result.stdout}${result.stderr}`);
  const open = lines.filter((line) => line.endsWith(" allowed")).map((line) =>
    line.slice(0, -" allowed".length)
  );
  assert.deepEqual(open.sort(), [...allowed].sort());
  assert.equal(reached, 0, "something arrived over the network");
}

for (
  const [level, allowed] of [["floor", [...FLOOR, ...UNSCOPED]], ["namespaced", NAMESPACED]] as const
) {
  Deno.test({
    name: `an agent that is root stops every attack at the level ${level} but those listed`,
    ignore: nativeIgnored("root"),
    async fn() {
      const dataDir = await Deno.makeTempDir();
      const attack = await buildAttack(dataDir);
      await using runtime = nativeRuntime(dataDir, { levels: [level] });
      if (lacks(await runtime.sandbox(), level)) return;
      await using out = await world(undefined, attack);
      Deno.env.set("REALM_TEST_SECRET", "x");
      const spec = programOf(["./attack", "attack", ...out.args], { minimum: level, read: out.read });
      check(await runProgram(runtime, dataDir, spec, { attack }), level, allowed, out.reached());
      Deno.env.delete("REALM_TEST_SECRET");
      await Deno.remove(dataDir, { recursive: true });
    },
  });
}

for (
  const [level, allowed] of [
    ["floor", [...FLOOR_PLAIN, ...UNSCOPED, ...UNSCOPED_PLAIN]],
    ["namespaced", NAMESPACED],
  ] as const
) {
  Deno.test({
    name: `an agent that is not root stops every attack at the level ${level} but those listed`,
    ignore: nativeIgnored("root"),
    async fn() {
      const dataDir = await Deno.makeTempDir();
      await Deno.chmod(dataDir, 0o755);
      const attack = await buildAttack(dataDir);
      await using agent = await plainAgent();
      if (lacks(await agent.sandbox(), level)) return;
      await using out = await world(PLAIN_USER, attack);
      const spec = programOf(["./attack", "attack", ...out.args], { minimum: level, read: out.read });
      check(await agent.run([level], spec, { attack }), level, allowed, out.reached());
      await Deno.remove(dataDir, { recursive: true });
    },
  });
}
