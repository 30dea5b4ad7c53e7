/** From the wish `realm up` to a running agent: reads keys and realm of the data directory, chooses the real parts. */
import type { Log } from "../ports.ts";
import { dataFiles, parseKeyFile, parseRealmFile, RealmError, unwrap } from "../protocol/mod.ts";
import type { Runtime } from "../runtimes/mod.ts";
import { FATAL_EXIT } from "../node/mod.ts";
import { runAgentProcess } from "./agent_process.ts";
import { type LaunchOptions, toMultiaddr } from "./launch_options.ts";

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
      `${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

/** Real parts that the composition root chooses. */
export interface LaunchWorld {
  readonly version: string;
  readonly log: Log;
  readonly runtimes: readonly Runtime[];
}

/** Runs the agent until a signal. Returns the exit code: {@link FATAL_EXIT} when starting again cannot help. */
export async function runAgent(launch: LaunchOptions, world: LaunchWorld): Promise<number> {
  const { log } = world;
  let crashed = false;
  try {
    const key = unwrap(
      parseKeyFile(await readSetup(`${launch.dataDir}/${dataFiles.nodeKey}`), dataFiles.nodeKey),
    );
    if (!("seed" in key.secret)) {
      throw new RealmError(
        "usage",
        `${dataFiles.nodeKey} is sealed; a node's key must be plain, in a file that only its user can read`,
      );
    }
    const realmFile = unwrap(parseRealmFile(await readSetup(`${launch.dataDir}/${dataFiles.realm}`)));
    await runAgentProcess({
      ...launch,
      listen: launch.listen.map(toMultiaddr),
      seed: key.secret.seed,
      realmFile,
      ...world,
      onCrash: () => {
        crashed = true;
        Deno.exit(70);
      },
    });
    return 0;
  } catch (error) {
    if (crashed) return 70;
    log.error(
      error instanceof Error ? error.message : String(error),
      error instanceof RealmError ? { code: error.code } : {},
    );
    // Peers that cannot be reached and ports that are still taken may be there a moment later; a refusal will not change.
    const again = !(error instanceof RealmError) || error.code === "unreachable" ||
      error.code === "unavailable" || error.code === "failed";
    return again ? 69 : FATAL_EXIT;
  }
}
