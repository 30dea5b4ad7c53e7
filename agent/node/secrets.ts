/**
 * Secrets on this node: opens what it may open for a run, and seals what it can open to nodes that are to have it too.
 * Values exist here for as long as their run needs them. Every use, and every refusal, is an audit entry without the value.
 */
import {
  type AttemptOrder,
  type AuditEntry,
  type Core,
  type Effect,
  type Event,
  isEntitled,
  type Secret,
  secretNamed,
} from "../core/mod.ts";
import type { Random } from "../ports.ts";
import {
  branchOf,
  RealmError,
  type SecretBox,
  secretLimits,
  type SecretScope,
  whyNotUsed,
  whyNotUsedFor,
} from "../protocol/mod.ts";
import { createOpener, decryptValue, sealKey, type SecretOpener } from "../protocol/secret_box.ts";

/** Why a secret of such a scope must not be used; `undefined`: it may. */
type Refused = (scope: SecretScope) => string | undefined;

/** What it needs of its agent. */
export interface SecretsOptions {
  readonly core: Core;
  /** Seed of the node's key. */
  readonly seed: Uint8Array;
  readonly random: Random;
  audit(entry: AuditEntry): void;
  feed(event: Event): void;
}

/** Uses that are remembered as told. */
const TOLD = 10_000;

/** See the module's text. */
export class NodeSecrets {
  readonly #options: SecretsOptions;
  /** Made at the first use: deriving its keys takes some 28 ms. */
  #opener: SecretOpener | undefined;
  readonly #told = new Set<string>();

  constructor(options: SecretsOptions) {
    this.#options = options;
  }

  /**
   * The value of a secret for a run that executes here. Throws `RealmError`: `not_found`, `policy_refused` (not for this
   * job, branch or node), `unavailable` (this node was not given it).
   */
  open(
    name: string,
    { by, run, number, spec }: AttemptOrder,
    what = `run ${run}, attempt ${number}`,
  ): Uint8Array {
    const use = { job: spec.job, branch: branchOf(spec) };
    return this.#use(name, by, what, (scope) => whyNotUsed(scope, use));
  }

  /** Which value a secret has now; `undefined`: there is none. */
  versionOf(name: string): string | undefined {
    return secretNamed(this.#options.core.secrets, name)?.version;
  }

  /**
   * As {@link open}, for what this node does itself for one of these jobs: `what` says what. Since it does so again and
   * again, the audit is told once of each value.
   */
  readonly openFor = (name: string, jobs: readonly string[], what: string): Uint8Array => {
    const { core } = this.#options;
    const refused: Refused = (scope) => whyNotUsedFor(scope, jobs);
    const told = `${what} ${name} ${secretNamed(core.secrets, name)?.version}`;
    if (this.#told.has(told)) return this.#open(name, refused);
    if (this.#told.size >= TOLD) this.#told.clear();
    this.#told.add(told);
    return this.#use(name, core.config.self, what, refused);
  };

  #use(name: string, actor: string, detail: string, refused: Refused): Uint8Array {
    const entry = { actor, action: "secret.use", target: name, detail };
    try {
      const value = this.#open(name, refused);
      this.#options.audit({ ...entry, result: "accepted" });
      return value;
    } catch (error) {
      const { code, message } = error as RealmError;
      this.#options.audit({ ...entry, result: "refused", code, detail: `${entry.detail}: ${message}` });
      throw error;
    }
  }

  #open(name: string, refused: Refused): Uint8Array {
    const { core } = this.#options;
    const secret = secretNamed(core.secrets, name);
    if (!secret) {
      throw new RealmError("not_found", `there is no secret ${name}; set it: 'realm secret set ${name}'`);
    }
    const why = refused(secret.scope);
    if (why !== undefined) throw new RealmError("policy_refused", `the secret ${name} ${why}`);
    if (!isEntitled(core, core.config.self, secret.scope)) {
      throw new RealmError(
        "policy_refused",
        `the secret ${name} is for nodes with the tags ${secret.scope.tags.join(", ")}, which this one lacks`,
      );
    }
    const key = this.#keyOf(secret);
    if (!key) {
      throw new RealmError("unavailable", `this node was not given the secret ${name}; set it again`);
    }
    const value = decryptValue(secret.sealed, this.#placeOf(secret), key);
    key.fill(0);
    if (!value.ok) throw new RealmError(value.code, value.message);
    if (value.value.length < secretLimits.valueMinBytes) {
      throw new RealmError(
        "failed",
        `the secret ${name} is too short to be hidden in a log; set one of at least ${secretLimits.valueMinBytes} bytes`,
      );
    }
    return value.value;
  }

  /** Makes the boxes that the core wishes; none when this node cannot open the secret itself. */
  seal({ name, version, nodes }: Extract<Effect, { t: "seal" }>): void {
    const { core, random, feed } = this.#options;
    const secret = secretNamed(core.secrets, name);
    let boxes: readonly SecretBox[] = [];
    const key = secret?.version === version ? this.#keyOf(secret) : undefined;
    if (secret && key) {
      const place = this.#placeOf(secret);
      boxes = nodes.map((node) => sealKey(key, node, place, (n) => random.bytes(n)));
      key.fill(0);
    }
    feed({ t: "sealed", name, version, boxes });
  }

  #placeOf({ name, version }: Secret) {
    return { realm: this.#options.core.config.realm, name, version };
  }

  /** A box may be anybody's; the key in it is right when it opens the value, which its setter signed. */
  #keyOf(secret: Secret): Uint8Array | undefined {
    const place = this.#placeOf(secret);
    for (const box of secret.boxes.get(this.#options.core.config.self) ?? []) {
      const key = (this.#opener ??= createOpener(this.#options.seed)).open(box, place);
      if (key && decryptValue(secret.sealed, place, key).ok) return key;
    }
    return undefined;
  }
}
