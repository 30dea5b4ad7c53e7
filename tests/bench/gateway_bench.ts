/**
 * The gateway against a bare `Deno.serve` that sends the same bytes, in turn, in the same run: static file from memory,
 * and a function behind the gateway here and on another node (the latter through a memory mesh: the protocol's cost
 * without the network's). `deno run -A tests/bench/gateway_bench.ts [--seconds N]`.
 *
 * Servers run in processes of their own, so does the load. {@link Subject}s of other runtimes (WASM components) join
 * by being added to `subjects`.
 */
import { createBed, replica, route } from "../gateway_bed.ts";
import { measureRate } from "./load.ts";

/** The least share of the bare server's rate that a static file must reach. */
const TARGET = 0.6;
const ROUNDS = 3, CONNECTIONS = 32, HOST = "app.localhost";
const BODY = new Uint8Array(4096).fill(97);

/** A server to be measured: starts, and says where it listens. */
export type Subject = () => Promise<number>;

const hello = { fetch: () => Promise.resolve(new Response(BODY)) };

/** What can be measured, by name. */
export const subjects: Readonly<Record<string, Subject>> = {
  bare() {
    const headers = { "content-type": "text/html; charset=utf-8" };
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(BODY, { headers }),
    );
    return Promise.resolve(server.addr.port);
  },
  async static() {
    const bed = createBed();
    const { gateway, port } = await bed.gateway("g");
    const site = bed.site({ "index.html": BODY });
    gateway.setRoutes({ routes: [route("app", [replica("r", "g", { static: site })])] });
    return port;
  },
  async function() {
    const { gateway, port } = await createBed().gateway("g");
    gateway.setRoutes({ routes: [route("app", [replica("r", "g", hello)])] });
    return port;
  },
  async "function on another node"() {
    const bed = createBed();
    const front = await bed.gateway("g"), back = await bed.gateway("n");
    back.gateway.setRoutes({ routes: [route("app", [replica("r", "n", hello)])] });
    front.gateway.setRoutes({ routes: [route("app", [replica("r", "n")])] });
    return front.port;
  },
};

/** Starts a subject in a process of its own. */
async function start(name: string): Promise<{ port: number; stop: () => Promise<unknown> }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, "--subject", name],
    stdout: "piped",
    stdin: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return {
    port: Number(new TextDecoder().decode(value)),
    stop: async () => {
      child.kill();
      await reader.cancel();
      await child.stdin.close().catch(() => {});
      return child.status;
    },
  };
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Runs all and prints; resolves with whether the target was met. */
export async function benchGateway(seconds: number): Promise<boolean> {
  const names = Object.keys(subjects);
  const rates = new Map<string, number[]>(names.map((n) => [n, []]));
  const servers = new Map<string, Awaited<ReturnType<typeof start>>>();
  let tool = "";
  try {
    for (const name of names) servers.set(name, await start(name));
    for (let round = -1; round < ROUNDS; round++) {
      for (const name of names) {
        const measured = await measureRate(servers.get(name)!.port, {
          seconds: round < 0 ? 1 : seconds,
          connections: CONNECTIONS,
          host: HOST,
        });
        tool = measured.tool;
        if (round >= 0) rates.get(name)!.push(measured.perSecond);
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop();
  }
  // Shares are taken round by round: what else the machine does weighs on both alike.
  const shareOf = (name: string) => median(rates.get(name)!.map((rate, i) => rate / rates.get("bare")![i]));
  console.log(
    `gateway, ${BODY.length} bytes, ${CONNECTIONS} connections, median of ${ROUNDS} rounds, ${tool}`,
  );
  for (const name of names) {
    const rate = median(rates.get(name)!);
    const share = name === "bare" ? "" : `  ${(100 * shareOf(name)).toFixed(0)} % of bare`;
    console.log(`  ${name.padEnd(26)} ${rate.toFixed(0).padStart(8)} requests/s${share}`);
  }
  const share = shareOf("static");
  console.log(`  static ≥ ${TARGET * 100} % of bare Deno.serve: ${share >= TARGET ? "met" : "MISSED"}`);
  return share >= TARGET;
}

if (import.meta.main) {
  const subject = Deno.args.indexOf("--subject"), seconds = Deno.args.indexOf("--seconds");
  if (subject >= 0) console.log(await subjects[Deno.args[subject + 1]]());
  else if (!await benchGateway(seconds >= 0 ? Number(Deno.args[seconds + 1]) : 3)) Deno.exit(1);
}
