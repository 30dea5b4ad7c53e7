/** Everything a component can import, for one worker. */
import type { HostImports } from "../component/mod.ts";
import type { GuestFs } from "../fs/mod.ts";
import { basicImports, realWorld, socketImports } from "../host/basics.ts";
import type { World } from "../host/basics.ts";
import { filesystemImports } from "../host/filesystem.ts";
import { incomingImports } from "../host/http_incoming.ts";
import { outgoingImports } from "../host/http_outgoing.ts";
import { OutboundRules } from "../host/outbound.ts";
import { directSink } from "../host/sources.ts";
import { ioImports } from "../host/streams.ts";
import type { Source } from "../host/streams.ts";
import { fixedWorld } from "../preview1/mod.ts";
import type { ChildConfig } from "../process/frames.ts";
import { brief } from "./failures.ts";
import type { Outbox } from "./outbox.ts";

/** Seed of deterministic runs: the same everywhere. */
export const DETERMINISTIC_SEED = 1;

/** Deterministic clocks and randomness, as preview 1 has them. */
function repeatable(): World {
  const world = fixedWorld(DETERMINISTIC_SEED);
  const [realtime, monotonic] = [0, 1];
  return {
    wall: () => world.now(realtime),
    monotonic: () => world.now(monotonic),
    sleep: (ns) => {
      if (ns > 0n) world.sleep(ns);
      return Promise.resolve();
    },
    random: (into) => world.random(into),
  };
}

/** Makes the host functions. `fetch`: the platform's, taken before the globals were narrowed. */
export function componentHost(
  config: ChildConfig,
  guestFs: GuestFs,
  outbox: Outbox,
  stdin: () => Source,
  platformFetch: typeof fetch,
): HostImports {
  const outgoing = outgoingImports({
    rules: new OutboundRules(config.outbound),
    fetch: platformFetch,
    refused: (target) =>
      outbox.notice(
        `Outbound request to ${
          JSON.stringify(brief(target))
        } was refused: the manifest's [network] outbound does not list it.`,
      ),
  });
  return {
    ...ioImports(),
    ...basicImports({
      args: config.args,
      env: config.env,
      world: config.deterministic ? repeatable() : realWorld(),
      stdin,
      stdout: () => directSink((bytes) => outbox.log("stdout", bytes)),
      stderr: () => directSink((bytes) => outbox.log("stderr", bytes)),
    }),
    ...socketImports(),
    ...filesystemImports(guestFs),
    "wasi:http/types@0.2": { ...incomingImports, ...outgoing.types },
    "wasi:http/outgoing-handler@0.2": outgoing.handler,
  };
}

/** Imports that nobody provides. */
export function missingImports(imports: readonly string[], host: HostImports): string[] {
  return imports.filter((name) => {
    const [instance = "", func = ""] = name.split("#");
    return host[instance]?.[func] === undefined;
  });
}
