/** From the wish `realm up` to a running agent: reads keys and realm of the data directory, chooses the real parts. */
import type { Log } from "../ports.ts";
import { dataFiles, parseKeyFile, parseRealmFile, RealmError, unwrap } from "../protocol/mod.ts";
import { onBothFamilies } from "../gateway/mod.ts";
import type { ApiOptions } from "./server.ts";
import type { ProgramRuntime, Runtime } from "../runtimes/mod.ts";
import { FATAL_EXIT, SWITCH_EXIT } from "../node/mod.ts";
import { type AgentProcessOptions, runAgentProcess } from "./agent_process.ts";
import { type LaunchOptions, toMultiaddrs } from "./launch_options.ts";

/** Port of the mesh unless it is taken: what a node is reached at should not change from start to start. */
const MESH_PORT = 7479;

/** Addresses to listen on when none were named: the port of the last start, else the usual one, else any free one. */
async function usualListen(dataDir: string): Promise<readonly string[]> {
  const remembered = `${dataDir}/mesh.port`;
  const last = Number(await Deno.readTextFile(remembered).catch(() => ""));
  /** The port itself, or any for 0, when it is free in each address family that there is. */
  const free = (wanted: number): number | undefined => {
    try {
      const listeners = onBothFamilies("0.0.0.0", wanted, (hostname, port) => {
        const listener = Deno.listen({ hostname, port });
        return { port: listener.addr.port, close: () => listener.close() };
      }, (listener) => listener.close());
      for (const listener of listeners) listener.close();
      return listeners[0].port;
    } catch {
      return undefined;
    }
  };
  const usual = last > 0 && last < 65_536 ? free(last) : undefined;
  const port = usual ?? free(MESH_PORT) ?? free(0);
  if (port === undefined) {
    throw new RealmError("unavailable", "no port is free for the mesh; name one with --listen HOST:PORT");
  }
  await Deno.writeTextFile(remembered, `${port}\n`);
  return [`/ip4/0.0.0.0/tcp/${port}`, `/ip6/::/tcp/${port}`];
}

/** Reads a file that `realm init` or `realm join` wrote. */
async function readSetup(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new RealmError(
        "not_found",
        `${path} is missing: run 'realm init' for a new realm or 'realm join TOKEN' for an existing one`,
      );
    }
    throw new RealmError(
      "disk",
      `${path} cannot be read (${
        cause instanceof Error ? cause.message : cause
      }); make it readable for this user, or restore it from a backup`,
      { cause },
    );
  }
}

/** Real parts that the composition root chooses. */
export interface LaunchWorld {
  readonly version: string;
  readonly log: Log;
  readonly runtimes: readonly Runtime[];
  /** The engine for programs of the operating system, where there is one. */
  readonly native?: ProgramRuntime;
  /** See `AgentOptions`. */
  readonly base?: string;
  /** See `AgentOptions`. */
  readonly onUpgradeStep?: AgentProcessOptions["onUpgradeStep"];
  /** The dashboard. */
  readonly assets?: ApiOptions["assets"];
}

/** Runs the agent until a signal. Returns the exit code: {@link FATAL_EXIT} when starting again cannot help. */
export async function runAgent(launch: LaunchOptions, world: LaunchWorld): Promise<number> {
  const { log } = world;
  let crashed = false;
  try {
    const key = unwrap(
      parseKeyFile(await readSetup(`${launch.dataDir}/${dataFiles.nodeKey}`), dataFiles.nodeKey),
    );
    if (key.kind !== "node") {
      throw new RealmError(
        "usage",
        `${dataFiles.nodeKey} holds an ${key.kind} key; put this machine's own node key there`,
      );
    }
    if (!("seed" in key.secret)) {
      throw new RealmError(
        "usage",
        `${dataFiles.nodeKey} is sealed; a node's key must be plain, in a file that only its user can read`,
      );
    }
    const realmFile = unwrap(parseRealmFile(await readSetup(`${launch.dataDir}/${dataFiles.realm}`)));
    const end = await runAgentProcess({
      ...launch,
      listen: launch.listen.length > 0
        ? launch.listen.flatMap(toMultiaddrs)
        : await usualListen(launch.dataDir),
      seed: key.secret.seed,
      id: key.id,
      realmFile,
      ...world,
      onCrash: () => {
        crashed = true;
        Deno.exit(70);
      },
    });
    return end === "switch" ? SWITCH_EXIT : 0;
  } catch (error) {
    if (crashed) return 70;
    log.error(
      error instanceof Error ? error.message : String(error),
      error instanceof RealmError ? { code: error.code } : {},
    );
    // Ports that are still taken may be free a moment later; a refusal will not change, and for members that cannot be
    // reached the agent has waited long enough.
    const again = !(error instanceof RealmError) || error.code === "unavailable" || error.code === "failed" ||
      error.code === "no_space";
    return again ? 69 : FATAL_EXIT;
  }
}
