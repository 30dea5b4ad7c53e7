/**
 * Composition root of the `realm` executable: the command line, and behind `internal` the processes that it starts
 * of itself. Each mode loads only what it needs.
 */
import type { CliHost, UpOptions } from "./cli/mod.ts";
import config from "./deno.json" with { type: "json" };

const version: string = config.version;
/** Where children find this program again. */
const here = import.meta.url;

/** The command that runs this executable with `args`. */
function selfCommand(args: readonly string[]): { command: string; args: string[] } {
  if (Deno.build.standalone) return { command: Deno.execPath(), args: [...args] };
  const packed = Deno.env.get("REALM_EXE");
  if (packed) return { command: packed, args: [...args] };
  return { command: Deno.execPath(), args: ["run", "-A", "--quiet", "--no-prompt", here, ...args] };
}

/** `host:port` taken apart. */
function endpoint(text: string): { hostname: string; port: number } {
  const colon = text.lastIndexOf(":");
  return { hostname: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
}

/** A port alone listens on all interfaces. */
const listenAddress = (text: string): string => /^[0-9]+$/.test(text) ? `0.0.0.0:${text}` : text;

/** Runs this node: the agent as a child of a supervisor. */
async function up(options: UpOptions): Promise<number> {
  const [{ supervise }, { LAUNCH_VARIABLE }] = await Promise.all([
    import("./agent/node/supervisor.ts"),
    import("./agent/api/launch_options.ts"),
  ]);
  const launch: import("./agent/api/launch_options.ts").LaunchOptions = {
    dataDir: options.dataDir,
    name: options.name ?? Deno.hostname(),
    tags: options.tags,
    listen: (options.listen.length > 0 ? options.listen : ["0.0.0.0:0", "[::]:0"]).map(listenAddress),
    ...(options.announce.length > 0 && { announce: options.announce }),
    gateway: endpoint(options.gateway ?? "127.0.0.1:7480"),
    api: endpoint(options.api ?? "127.0.0.1:7481"),
    mdns: options.mdns,
    relay: options.relay,
    logLevel: logLevel(Deno.env.get("REALM_LOG")),
  };
  const { command, args } = selfCommand(["internal", "agent"]);
  return await supervise(command, args, { [LAUNCH_VARIABLE]: JSON.stringify(launch) });
}

function logLevel(text: string | undefined): "debug" | "info" | "warn" | "error" {
  return text === "debug" || text === "warn" || text === "error" ? text : "info";
}

/** The agent's process. */
async function agent(): Promise<number> {
  const [{ LAUNCH_VARIABLE, runAgent }, { createLog }, { createWasmRuntime, denoChild }] = await Promise.all([
    import("./agent/api/mod.ts"),
    import("./agent/platform/mod.ts"),
    import("./agent/runtimes/wasm/mod.ts"),
  ]);
  const launch = JSON.parse(Deno.env.get(LAUNCH_VARIABLE) ?? "null");
  if (launch === null) {
    console.error("realm: 'internal agent' is started by 'realm up'");
    return 2;
  }
  const root = new URL(".", here).pathname;
  const child = new URL("./agent/runtimes/wasm/child/entry.ts", here).pathname;
  await using wasm = createWasmRuntime({ spawnChild: denoChild(child, [], [root]) });
  return await runAgent(launch, {
    version,
    log: createLog({ level: launch.logLevel }),
    runtimes: [wasm],
  });
}

const host: CliHost = {
  version,
  up,
  async packageWorld() {
    const { createDisk, createHasher } = await import("./agent/platform/mod.ts");
    return { disk: createDisk(), hasher: createHasher() };
  },
};

async function run(argv: readonly string[]): Promise<number> {
  if (argv[0] === "internal" && argv[1] === "agent") return await agent();
  const { runCli } = await import("./cli/mod.ts");
  return await runCli(argv, host);
}

// libp2p leaves a channel open that keeps the process alive: the end is said, not waited for.
if (import.meta.main) Deno.exit(await run(Deno.args));
