/** The node's part in upgrades of the fleet, put together from what the agent has. */
import { type Core, replicasToMove, type UpgradeOrder } from "../core/mod.ts";
import type { Mesh } from "../mesh/mod.ts";
import { thisPlatform } from "../platform/mod.ts";
import type { Clock, Disk, Hasher } from "../ports.ts";
import { openRelease, timing } from "../protocol/mod.ts";
import { selfTest, Upgrader, Versions } from "../upgrade/mod.ts";
import type { AgentOptions } from "./agent_options.ts";
import type { Contents } from "./contents.ts";
import type { CoreLoop } from "./core_loop.ts";
import type { JobHost } from "./jobs/job_host.ts";

/** How often it is looked whether jobs have ended and replicas have gone elsewhere. */
const DRAIN_LOOK_MS = 200;

/** See the module's text. */
export interface Upgrading extends Disposable {
  /** Says how the last upgrade ended here; before anything is ordered. */
  begin(): void;
  /** Level-triggered. */
  reconcile(order: UpgradeOrder | undefined): void;
  /** Once the API answers: a version on trial proves itself. */
  prove(): Promise<void>;
  /** Resolves when the process is to end, so that another version takes its place. */
  readonly left: Promise<void>;
}

/** What it is made of. */
export interface UpgradingParts {
  readonly options: AgentOptions;
  readonly core: Core;
  readonly loop: CoreLoop;
  readonly contents: Contents;
  readonly disk: Disk;
  readonly hasher: Hasher;
  readonly jobs: JobHost;
  readonly mesh: Mesh;
  readonly clock: Clock;
}

/** See the module's text. */
export async function openUpgrading(parts: UpgradingParts): Promise<Upgrading> {
  const { options, core, loop, contents, disk, hasher, jobs, mesh, clock } = parts;
  const { self, realm, verifier } = core.config;
  const versions = new Versions(disk, options.dataDir, Deno.build.os === "windows");
  // Before anything is ordered: later it could take away what is being staged.
  await versions.sweep();
  const left = Promise.withResolvers<void>();
  const upgrader = new Upgrader({
    versions,
    hasher,
    blobs: contents.store,
    log: options.log,
    version: options.version,
    platform: thisPlatform(),
    unable: options.base === undefined
      ? "it runs without a supervisor that could start another version; start it with 'realm up'"
      : undefined,
    base: options.base ?? options.version,
    now: clock.now,
    judge: ({ wish }) =>
      openRelease(wish.release, {
        realm,
        verifier,
        revokedAt: (key) => core.authority.revoked.get(key),
        now: clock.now(),
      }),
    fetch: (digest, holders, onProgress, signal) =>
      contents.exchange.fetch(digest, {
        holders: holders.filter((id) => id !== self),
        signal,
        onProgress: (p) => onProgress(p.doneBytes),
      }),
    selfTest: (path, version, platform) => selfTest(path, options.dataDir, version, platform),
    async drained(withinMs, signal) {
      const start = clock.monotonic(), after = () => clock.monotonic() - start;
      const moved = () => after() >= timing.startDeadlineMs || replicasToMove(core, clock.now()) === 0;
      while (!(jobs.attempts.canBeLeft && moved()) && after() < withinMs && !signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS));
      }
    },
    hasPeers: () => mesh.peers().length > 0,
    ailing(needsPeer) {
      if (needsPeer && core.acknowledgedBy === undefined) return "no other member has acknowledged it yet";
      return undefined;
    },
    report: (status) => loop.feed({ t: "upgrade", status }),
    leave: () => left.resolve(),
    onStep: options.onUpgradeStep ?? (() => Promise.resolve()),
  }, await versions.read());
  return {
    begin: () => upgrader.begin(core.upgrades.statuses.get(self)),
    reconcile: (order) => upgrader.reconcile(order),
    prove: () =>
      upgrader.prove().catch((error) =>
        options.log.error("a version on trial could not settle", { error: String(error) })
      ),
    left: left.promise,
    [Symbol.dispose]: () => upgrader[Symbol.dispose](),
  };
}
