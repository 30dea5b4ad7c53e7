/**
 * Composition root of the `realm` executable: the command line, and behind `internal` the processes that it starts
 * of itself. Each mode loads only what it needs.
 */
import type { CliHost, UpOptions } from "./cli/mod.ts";
import {
  AGENT_ENVIRONMENT,
  AGENT_FLAGS,
  ALL_PERMISSIONS,
  buildMark,
  BUNDLE_ENVIRONMENT,
  selfCommand,
  selfExecutable,
} from "./agent/platform/self.ts";
import config from "./deno.json" with { type: "json" };

/** Tests that run from source say which version they play. */
const version: string = buildMark()?.version ?? Deno.env.get("REALM_SOURCE_VERSION") ?? config.version;
/** Where children find this program again. */
const here = import.meta.url;

/** `host:port` taken apart. */
function endpoint(text: string): { hostname: string; port: number } {
  const colon = text.lastIndexOf(":");
  return { hostname: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
}

/** A port alone listens on all interfaces. */
const listenAddress = (text: string): string => /^[0-9]+$/.test(text) ? `0.0.0.0:${text}` : text;

/** Runs this node: the agent as a child of a supervisor. */
async function up(options: UpOptions): Promise<number> {
  const [{ supervise }, { nextStart }, { LAUNCH_VARIABLE }, { createDisk }] = await Promise.all([
    import("./agent/node/supervisor.ts"),
    import("./agent/node/starting.ts"),
    import("./agent/api/launch_options.ts"),
    import("./agent/platform/disk.ts"),
  ]);
  const launch: import("./agent/api/launch_options.ts").LaunchOptions = {
    dataDir: options.dataDir,
    name: options.name ?? Deno.hostname(),
    tags: options.tags,
    listen: options.listen.map(listenAddress),
    ...(options.announce.length > 0 && { announce: options.announce }),
    gateway: endpoint(options.gateway ?? "127.0.0.1:7480"),
    api: endpoint(options.api ?? "127.0.0.1:7481"),
    hosts: options.apiHosts,
    tls: options.tls,
    apiTls: options.apiTls === undefined ? undefined : endpoint(options.apiTls),
    gatewayTls: options.gatewayTls === undefined ? undefined : endpoint(options.gatewayTls),
    trustedProxies: options.trustedProxies,
    accessLog: options.accessLog,
    mdns: options.mdns,
    relay: options.relay,
    logLevel: logLevel(Deno.env.get("REALM_LOG")),
  };
  const args = ["internal", "agent"], disk = createDisk();
  return await supervise(() =>
    nextStart({
      disk,
      dataDir: options.dataDir,
      version,
      own: selfCommand(here, args, [...ALL_PERMISSIONS, ...AGENT_FLAGS]),
      args,
      env: { ...AGENT_ENVIRONMENT, [LAUNCH_VARIABLE]: JSON.stringify(launch) },
      onStep: haltAt(options.dataDir),
    })
  );
}

/** Tests end the process at a step of an upgrade. Only from source: a build has no such door. */
function haltAt(dataDir: string): import("./agent/upgrade/steps.ts").OnStep {
  const wanted = buildMark() || Deno.build.standalone ? undefined : Deno.env.get("REALM_HALT_AT");
  return async (step) => {
    if (step !== wanted) return;
    await Deno.writeTextFile(`${dataDir}/halted`, step);
    await new Promise(() => {});
  };
}

function logLevel(text: string | undefined): "debug" | "info" | "warn" | "error" {
  return text === "debug" || text === "warn" || text === "error" ? text : "info";
}

/** How children that run WebAssembly start: from source and in a bundle with scoped permissions from the first instant. */
function wasmChildren(
  { denoChild, environment, permissionFlags }: typeof import("./agent/runtimes/wasm/mod.ts"),
): import("./agent/runtimes/wasm/mod.ts").SpawnChild {
  const entry = "./agent/runtimes/wasm/child/entry";
  if (!Deno.build.standalone && !buildMark()) {
    return denoChild(new URL(`${entry}.ts`, here).pathname, [], [new URL(".", here).pathname]);
  }
  const args = Deno.build.standalone ? ["internal", "wasm-child"] : [];
  return (permissions) => ({
    ...selfCommand(new URL(`${entry}.js`, here).href, args, permissionFlags(permissions)),
    env: { ...environment(), ...BUNDLE_ENVIRONMENT },
  });
}

/** A child that runs WebAssembly, of a compiled executable: its permissions are baked in and given up here. */
async function wasmChild(): Promise<never> {
  for (const name of ["run", "ffi", "sys", "env"] as const) await Deno.permissions.revoke({ name });
  await import("./agent/runtimes/wasm/child/entry.ts");
  Deno.exit(0);
}

/** How launchers of native programs start: they may call the C library and nothing else. */
function launchers(
  { launcherEnvironment, launcherFlags, sourceLauncher }: typeof import("./agent/runtimes/native/mod.ts"),
): import("./agent/runtimes/native/mod.ts").SpawnLauncher {
  const entry = "./agent/runtimes/native/launcher/entry";
  if (!Deno.build.standalone && !buildMark()) return sourceLauncher(new URL(`${entry}.ts`, here).pathname);
  return (libc) => ({
    ...selfCommand(
      new URL(`${entry}.js`, here).href,
      [...(Deno.build.standalone ? ["internal", "launcher"] : []), libc],
      launcherFlags(libc),
    ),
    env: { ...launcherEnvironment(), ...BUNDLE_ENVIRONMENT },
  });
}

/** How the process starts that keeps native programs while agents come and go. */
const wardens = (dataDir: string) => (directory: string) => ({
  ...selfCommand(here, ["internal", "warden", dataDir, directory], [...ALL_PERMISSIONS, ...AGENT_FLAGS]),
  env: { ...Deno.env.toObject(), ...AGENT_ENVIRONMENT },
});

/** That process. */
async function warden(dataDir: string, directory: string): Promise<number> {
  const native = await import("./agent/runtimes/native/mod.ts");
  await native.runWarden({ dataDir, directory, version, spawnLauncher: launchers(native) });
  return 0;
}

/** Disposes of what this process made, of each whatever becomes of the others. */
async function endAll(...made: readonly AsyncDisposable[]): Promise<void> {
  await Promise.allSettled(made.map((one) => one[Symbol.asyncDispose]()));
}

/** The agent's process. */
async function agent(): Promise<number> {
  const [{ LAUNCH_VARIABLE }, { runAgent }, { createLog }, wasmMod, nativeMod] = await Promise.all([
    import("./agent/api/launch_options.ts"),
    import("./agent/api/agent_launch.ts"),
    import("./agent/platform/mod.ts"),
    import("./agent/runtimes/wasm/mod.ts"),
    import("./agent/runtimes/native/mod.ts"),
  ]);
  const launch = JSON.parse(Deno.env.get(LAUNCH_VARIABLE) ?? "null");
  if (launch === null) {
    console.error("realm: 'internal agent' is started by 'realm up'");
    return 2;
  }
  const wasm = wasmMod.createWasmRuntime({ spawnChild: wasmChildren(wasmMod) });
  const native = Deno.build.os === "linux"
    ? nativeMod.createKeptRuntime({
      spawnLauncher: launchers(nativeMod),
      spawnWarden: wardens(launch.dataDir),
      dataDir: launch.dataDir,
      version,
    })
    : nativeMod.createUntriedRuntime();
  try {
    return await runAgent(launch, {
      version,
      native,
      log: createLog({ level: launch.logLevel }),
      runtimes: [wasm],
      base: Deno.env.get("REALM_BASE_VERSION"),
      onUpgradeStep: haltAt(launch.dataDir),
      assets: await dashboard(),
    });
  } finally {
    await endAll(native, wasm);
  }
}

/** The dashboard's files: from source bundled when first asked for, in a build a module that no source names. */
async function dashboard(): Promise<import("./agent/api/mod.ts").ApiOptions["assets"]> {
  const { createDashboard, sourceAssets } = await import("./ui/mod.ts");
  return createDashboard(async () =>
    buildMark()
      ? (await import(new URL("./dashboard.js", here).href)).default
      : await sourceAssets(new URL(".", here).pathname.replace(/\/$/, ""))
  );
}

/** Executes jobs of this machine's user by the engine of nodes, in a directory that goes afterwards. */
async function withLocalJobs<T>(
  body: (jobs: import("./mod.ts").LocalJobs, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [{ openLocalJobs }, { createDisk, createHasher }, wasmMod, nativeMod] = await Promise.all([
    import("./agent/node/jobs/local_jobs.ts"),
    import("./agent/platform/mod.ts"),
    import("./agent/runtimes/wasm/mod.ts"),
    import("./agent/runtimes/native/mod.ts"),
  ]);
  const directory = await Deno.makeTempDir({ prefix: "realm-jobs-" });
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  Deno.addSignalListener("SIGINT", interrupt);
  const wasm = wasmMod.createWasmRuntime({ spawnChild: wasmChildren(wasmMod) });
  const native = Deno.build.os === "linux"
    ? nativeMod.createNativeRuntime({ spawnLauncher: launchers(nativeMod), dataDir: directory })
    : nativeMod.createUntriedRuntime();
  try {
    const jobs = await openLocalJobs({
      directory,
      disk: createDisk(),
      hasher: createHasher(),
      native,
      wasm,
      variable: (name) => Deno.env.get(name),
    });
    return await body(jobs, stop.signal);
  } finally {
    await endAll(native, wasm);
    Deno.removeSignalListener("SIGINT", interrupt);
    await Deno.remove(directory, { recursive: true }).catch(() => {});
  }
}

const host: CliHost = {
  version,
  executable: selfExecutable(),
  up,
  withLocalJobs,
  async workingTreeOf(directory) {
    return await (await import("./agent/node/git/working_tree.ts")).workingTreeOf(directory);
  },
  async packageWorld() {
    const { createDisk, createHasher } = await import("./agent/platform/mod.ts");
    return { disk: createDisk(), hasher: createHasher() };
  },
};

/** Prints the licences of everything in a build. The bundle has them as a module that no source names. */
async function licences(): Promise<number> {
  if (!buildMark()) {
    console.error("realm: a build holds the licences of its parts; from source see the packages' own");
    return 1;
  }
  console.log((await import(new URL("./licences.js", here).href)).default);
  return 0;
}

/**
 * What a new version tells before a node relies on it: its parts load, its database opens, and it can read this node's
 * key and realm. The last line is its report.
 */
async function selfTest(dataDir: string): Promise<number> {
  const [{ probeSelf }, { thisPlatform }] = await Promise.all([
    import("./agent/node/self_probe.ts"),
    import("./agent/platform/mod.ts"),
    import("./agent/api/agent_launch.ts"),
    import("./agent/runtimes/wasm/mod.ts"),
    import("./agent/runtimes/native/mod.ts"),
  ]);
  const problem = await probeSelf(dataDir);
  if (problem !== undefined) {
    console.error(problem);
    return 1;
  }
  console.log(JSON.stringify({ version, platform: thisPlatform() }));
  return 0;
}

async function run(argv: readonly string[]): Promise<number> {
  if (argv[0] === "internal" && argv[1] === "agent") return await agent();
  if (argv[0] === "internal" && argv[1] === "wasm-child") return await wasmChild();
  if (argv[0] === "internal" && argv[1] === "launcher") {
    return (await import("./agent/runtimes/native/launcher/launch.ts")).launch(argv[2]);
  }
  if (argv[0] === "internal" && argv[1] === "warden") return await warden(argv[2], argv[3]);
  if (argv[0] === "internal" && argv[1] === "self-test") return await selfTest(argv[2]);
  if (argv[0] === "internal" && argv[1] === "licences") return await licences();
  const { runCli } = await import("./cli/mod.ts");
  return await runCli(argv, host);
}

// libp2p leaves a channel open that keeps the process alive: the end is said, not waited for.
if (import.meta.main) Deno.exit(await run(Deno.args));
