/**
 * Programs of the operating system on this node: what its policy lets run, which sandboxes there are for it, and an
 * audit entry for each that is started or refused. The realm's commands allow; this node's own file only narrows.
 */
import { type Core, policyFor } from "../core/mod.ts";
import type { LogChunk } from "../ports.ts";
import {
  type FindingView,
  narrowPolicy,
  nativeRefusal,
  type NodeInfo,
  parseToml,
  type Policy,
  PolicyFileSchema,
  type PolicySettings,
  RealmError,
  sandboxLevels,
  strongerLevel,
} from "../protocol/mod.ts";
import type { ProgramHandle, ProgramRuntime, ProgramSpec } from "../runtimes/mod.ts";

/** Name of the node's own policy in its data directory. */
const POLICY_FILE = "policy.toml";

/** What it needs of its agent. */
export interface NativeHostOptions {
  readonly core: Core;
  readonly dataDir: string;
  readonly runtime: ProgramRuntime | undefined;
  /** Writes an audit entry. */
  audit(action: string, target: string, result: "accepted" | "refused", detail: string): void;
  /** What the node says of itself has changed. */
  publish(native: NodeInfo["native"]): void;
}

/** While a sandbox is missing it is looked for again after so long, and then twice as long each time. */
const LOOK_AGAIN = { firstMs: 1_000, mostMs: 600_000 } as const;

/** See the module's text. */
export class NativeHost implements Disposable {
  readonly #options: NativeHostOptions;
  readonly #file: PolicySettings;
  #told: NodeInfo["native"];
  #looking = false;
  #again: ReturnType<typeof setTimeout> | undefined;

  private constructor(options: NativeHostOptions, file: PolicySettings) {
    this.#options = options;
    this.#file = file;
    this.#told = { levels: [], ...(Object.keys(file).length > 0 ? { narrowed: file } : {}) };
  }

  /** Reads the node's own policy. Throws `RealmError("bad_manifest")` when that cannot be understood. */
  static async open(options: NativeHostOptions): Promise<NativeHost> {
    const path = `${options.dataDir}/${POLICY_FILE}`;
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return new NativeHost(options, {});
      throw new RealmError("disk", `${path} cannot be read; make it readable, or remove it`, {
        cause: error,
      });
    }
    const parsed = parseToml(text, PolicyFileSchema, { file: path });
    if (!parsed.ok) throw new RealmError("bad_manifest", parsed.message);
    return new NativeHost(options, parsed.value);
  }

  /** What holds here. */
  policy(): Policy {
    const { core } = this.#options;
    return narrowPolicy(policyFor(core.policies, core.config.self), this.#file);
  }

  /** What the node tells the others of this. */
  get told(): NodeInfo["native"] {
    return this.#options.runtime && this.#told;
  }

  /** Rules may have changed: sandboxes are tried once programs may run, and not before. */
  changed(): void {
    if (this.#looking || !this.policy().allow_native_execution) return;
    this.#looking = true;
    void this.#look();
  }

  /** A try that was killed, or late on a busy machine, says nothing of the machine: what is missing is tried again. */
  async #look(waitMs?: number): Promise<void> {
    const { runtime, publish } = this.#options;
    if (!runtime) return;
    const { levels } = await runtime.sandbox(waitMs !== undefined);
    if (!this.#looking) return;
    const there = sandboxLevels.filter((level) => levels[level] === undefined);
    if (waitMs === undefined || there.join() !== this.#told?.levels.join()) {
      this.#told = { ...this.#told, levels: there };
      publish(this.#told);
    }
    if (there.length === sandboxLevels.length) return;
    const next = Math.min(LOOK_AGAIN.mostMs, waitMs === undefined ? LOOK_AGAIN.firstMs : 2 * waitMs);
    this.#again = setTimeout(() => void this.#look(next), next);
  }

  [Symbol.dispose](): void {
    this.#looking = false;
    clearTimeout(this.#again);
  }

  /** Starts a program for a run. Rejects with `RealmError("policy_refused")` when a rule is against it. */
  async start(
    run: string,
    spec: ProgramSpec,
    onLog: (chunk: LogChunk) => void,
    signal: AbortSignal,
  ): Promise<ProgramHandle> {
    const { runtime, audit } = this.#options;
    if (!runtime) throw new RealmError("unavailable", "this node has no native runtime");
    const policy = this.policy();
    const refusal = nativeRefusal(policy, spec);
    if (refusal) {
      audit("native.start", run, "refused", refusal.reason);
      throw new RealmError("policy_refused", `the node does not run it: ${refusal.reason}`);
    }
    const minimum = strongerLevel(spec.minimum, policy.sandbox_minimum);
    try {
      const handle = await runtime.start({ ...spec, minimum }, onLog, signal);
      audit("native.start", run, "accepted", `sandbox ${handle.level}`);
      return handle;
    } catch (error) {
      audit("native.start", run, "refused", error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** What sandboxes there are, why not the others, and whether they are used; for `realm doctor`. */
  async findings(): Promise<FindingView[]> {
    const { runtime } = this.#options;
    if (!runtime) return [];
    const { levels, limits } = await runtime.sandbox();
    const { allow_native_execution: allowed } = this.policy();
    // A node without native programs is whole unless they are allowed on it and none can run.
    const lacking = allowed && sandboxLevels.every((level) => levels[level] !== undefined)
      ? "missing"
      : "warning";
    return [
      ...sandboxLevels.map((level): FindingView => ({
        subject: `sandbox ${level}`,
        state: levels[level] === undefined ? "ok" : lacking,
        detail: levels[level] ?? "native programs can be confined so",
      })),
      { subject: "sandbox limits", state: "ok", detail: limits },
      {
        subject: "native programs",
        state: "ok",
        detail: `policy allow_native_execution = ${allowed}` +
          (allowed ? "" : "; 'realm policy show' tells by whom, 'realm policy set' allows them"),
      },
    ];
  }
}
