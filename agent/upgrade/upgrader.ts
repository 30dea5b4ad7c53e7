/**
 * Carries out one node's part of an upgrade: fetch, stage, self-test, drain, mark, stop; after the restart, prove and
 * commit. Level-triggered by the core's order; what is on disk decides after a crash.
 */
import type { UpgradeOrder } from "../core/mod.ts";
import type { BlobSource, Hasher, Log } from "../ports.ts";
import {
  type Digest,
  mayFollow,
  type NodeId,
  type Quarantined,
  RealmError,
  type Release,
  type Result,
  unwrap,
  type UpgradeNodeState,
  type UpgradeStatus,
} from "../protocol/mod.ts";
import { committed, marked, type Pointer, withQuarantined } from "./pointer.ts";
import type { OnStep } from "./steps.ts";
import type { Versions } from "./versions.ts";

/** Progress of a download is told this often: each record costs every node of the realm milliseconds. */
const PROGRESS_MS = 2_000;
/** How often a version on trial looks whether it has proved itself. */
const LOOK_MS = 250;

/** What an upgrade needs of its node. */
export interface UpgradeWorld {
  readonly versions: Versions;
  readonly hasher: Hasher;
  readonly blobs: BlobSource;
  readonly log: Log;
  /** Version that runs. */
  readonly version: string;
  readonly platform: string;
  /** Why this node cannot switch by itself; nothing when it can. */
  readonly unable: string | undefined;
  /** Version of the supervisor's own executable. */
  readonly base: string;
  now(): number;
  /** Verifies a release by what is known here and now. */
  judge(order: UpgradeOrder): Result<Release>;
  fetch(
    digest: Digest,
    holders: readonly NodeId[],
    onProgress: (done: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  selfTest(path: string, version: string, platform: string): Promise<void>;
  /**
   * Resolves when no job runs here that a restart would end, and no replica that alone serves and could elsewhere, or
   * after `withinMs`.
   */
  drained(withinMs: number, signal: AbortSignal): Promise<void>;
  /** Whether other members are there to acknowledge a new version. */
  hasPeers(): boolean;
  /** What is still missing for this node to be well; nothing when it is. */
  ailing(needsPeer: boolean): string | undefined;
  report(status: UpgradeStatus): void;
  /** The process ends in order, so that the supervisor starts what the pointer names. */
  leave(): void;
  onStep: OnStep;
}

/** See the module's text. */
export class Upgrader implements Disposable {
  readonly #world: UpgradeWorld;
  #pointer: Pointer;
  #running: { readonly upgrade: Digest; readonly stop: AbortController } | undefined;
  /** Past this the order may be withdrawn: the supervisor decides. */
  #switching = false;
  readonly #end = new AbortController();

  constructor(world: UpgradeWorld, pointer: Pointer) {
    this.#world = world;
    this.#pointer = pointer;
  }

  /** Files that this node does not run. */
  get quarantined(): readonly Quarantined[] {
    return this.#pointer.quarantined;
  }

  /** What to say at the start, before anything is ordered. `last`: what was said last before this start. */
  begin(last: UpgradeStatus | undefined): void {
    const { trial, ended } = this.#pointer;
    if (trial) this.#say(trial.upgrade, "probation", trial.from);
    else if (ended) this.#say(ended.upgrade, ended.state, ended.from, ended.reason, ended.at);
    else if (last) this.#say(last.upgrade, "waiting", this.#world.version);
  }

  /** Level-triggered: install this, or nothing any more. */
  reconcile(order: UpgradeOrder | undefined): void {
    if (this.#switching || this.#pointer.trial || this.#end.signal.aborted) return;
    if (order && this.#running?.upgrade === order.upgrade) return;
    const before = this.#running;
    this.#running = undefined;
    before?.stop.abort();
    if (!order) {
      if (before) this.#say(before.upgrade, "waiting", this.#world.version);
      return;
    }
    const running = { upgrade: order.upgrade, stop: new AbortController() };
    this.#running = running;
    void this.#install(order, running.stop.signal).catch(async (error) => {
      if (running.stop.signal.aborted) return;
      await this.#failed(order, error);
    }).catch((error) => this.#world.log.error("an upgrade failed", { error: String(error) }))
      .finally(() => {
        if (this.#running === running && !this.#switching) this.#running = undefined;
      });
  }

  async #install(order: UpgradeOrder, signal: AbortSignal): Promise<void> {
    const { versions, hasher, blobs, version, platform, onStep, ...world } = this.#world;
    const { artifact, wish, upgrade } = order;
    if (this.#world.unable !== undefined) throw new RealmError("unavailable", this.#world.unable);
    const { manifest } = unwrap(this.#world.judge(order));
    unwrap(mayFollow(manifest, version, wish.allow_downgrade));
    if (!await versions.has(artifact.sha256)) {
      this.#say(upgrade, "downloading", version);
      await onStep("fetch");
      await this.#fetch(order, signal);
      this.#say(upgrade, "verifying", version);
      await onStep("stage");
      await versions.stage(artifact, order.version, blobs.read(artifact.sha256), hasher);
    } else this.#say(upgrade, "verifying", version);
    signal.throwIfAborted();
    await onStep("test");
    await this.#world.selfTest(versions.pathOf(artifact.sha256), order.version, platform);
    signal.throwIfAborted();
    this.#say(upgrade, "draining", version);
    await onStep("drain");
    await this.#world.drained(wish.drain_ms, signal);
    signal.throwIfAborted();
    this.#switching = true;
    this.#say(upgrade, "switching", version);
    await onStep("mark");
    await this.#save(marked(this.#pointer, {
      sha256: artifact.sha256,
      version: order.version,
      platform: artifact.platform,
      upgrade,
      from: version,
      probation_ms: wish.probation_ms,
      deadline_ms: wish.deadline_ms,
      peers: this.#world.hasPeers(),
    }));
    await onStep("stop");
    world.log.info("stopping, to be started again as another version", { from: version, to: order.version });
    this.#world.leave();
  }

  async #fetch({ artifact, upgrade, holder }: UpgradeOrder, signal: AbortSignal): Promise<void> {
    const { blobs, version, now } = this.#world;
    if (await blobs.has(artifact.sha256)) return;
    let told = now();
    await this.#world.fetch(artifact.sha256, holder === undefined ? [] : [holder], (done) => {
      if (signal.aborted || now() - told < PROGRESS_MS) return;
      told = now();
      this.#say(upgrade, "downloading", version, undefined, told, { done, total: artifact.size });
    }, signal);
  }

  /** A bad file is not tried again and stops the rollout; what this machine alone lacks does neither. */
  async #failed({ artifact, upgrade, version }: UpgradeOrder, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    const code = error instanceof RealmError ? error.code : "failed";
    this.#world.log.warn("this node keeps its version", { wanted: version, reason });
    this.#switching = false;
    const bad = code === "bad_release" || code === "bad_digest" || code === "wrong_platform";
    const at = this.#world.now(), from = this.#world.version;
    const state = bad ? "rolled_back" : "skipped";
    const { sha256, platform } = artifact;
    const pointer = bad
      ? withQuarantined(this.#pointer, { sha256, version, platform, reason, at })
      : this.#pointer;
    const { trial: _, ...rest } = pointer;
    await this.#save({ ...rest, ended: { upgrade, from, state, reason, at } });
    // What is said next takes the order away, and that must not look like giving it up.
    this.#running = undefined;
    this.#say(upgrade, state, from, reason, at);
  }

  /** In a new version: proves itself, or is ended by the supervisor when its time is up. */
  async prove(): Promise<void> {
    const { trial } = this.#pointer;
    const { versions, onStep, now, log, base } = this.#world;
    if (!trial) return;
    await onStep("prove");
    let wellSince: number | undefined, ailing = "";
    for (;;) {
      const lacks = this.#world.ailing(trial.peers);
      if (lacks !== undefined) wellSince = undefined;
      else wellSince ??= now();
      if (lacks !== undefined && lacks !== ailing) log.info("on probation", { waiting: ailing = lacks });
      if (wellSince !== undefined && now() - wellSince >= trial.probation_ms) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (this.#end.signal.aborted) return;
    }
    await onStep("commit");
    await this.#save(committed(this.#pointer, base, now()));
    log.info("this version proved itself", { version: trial.version });
    this.#say(trial.upgrade, "done", trial.from);
    await onStep("sweep");
    await versions.sweep();
  }

  async #save(pointer: Pointer): Promise<void> {
    await this.#world.versions.write(pointer);
    this.#pointer = pointer;
  }

  #say(
    upgrade: Digest,
    state: UpgradeNodeState,
    from: string,
    reason?: string,
    since: number = this.#world.now(),
    progress?: UpgradeStatus["progress"],
  ): void {
    this.#world.report({
      upgrade,
      state,
      from,
      ...(reason === undefined ? {} : { reason: reason.slice(0, 1_000) }),
      ...(progress ? { progress } : {}),
      since,
      quarantined: [...this.#pointer.quarantined],
    });
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    if (!this.#switching) this.#running?.stop.abort();
  }
}
