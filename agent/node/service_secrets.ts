/**
 * Secrets of one replica of a service: opened anew at each start, so that it gets the values of that moment, and hidden
 * in its log for as long as it is here.
 */
import type { AttemptOrder } from "../core/mod.ts";
import type { LogChunk } from "../ports.ts";
import { RealmError } from "../protocol/mod.ts";
import type { AttemptWorld } from "./jobs/attempt_world.ts";
import { Masker } from "./jobs/masking.ts";
import { type GivenSecrets, giveSecrets, removeSecrets, useSecret } from "./jobs/run_secrets.ts";
import type { NodeSecrets } from "./secrets.ts";
import type { ServicePorts } from "./service_ports.ts";

/** What a service has of its node. */
export interface ServiceWorld extends AttemptWorld {
  readonly ports: ServicePorts;
  /** Which value a secret has now; `undefined`: there is none. */
  secretVersion(name: string): string | undefined;
}

/** See {@link ServiceWorld}. */
export const serviceWorld = (
  world: AttemptWorld,
  secrets: NodeSecrets,
  ports: ServicePorts,
): ServiceWorld => ({
  ...world,
  ports,
  openSecret: (name, order) => secrets.open(name, order, `replica ${order.attempt} of ${order.run}`),
  secretVersion: (name) => secrets.versionOf(name),
});

/** A program's output on its way into the log. */
export interface HiddenLog {
  onLog(chunk: LogChunk): void;
  /** Whether something of a stream is held back: it may become a value. */
  holds(stream: LogChunk["stream"]): boolean;
  /** Nothing more comes. */
  end(): void;
}

/** See the module's text. */
export class ServiceSecrets {
  readonly masker = new Masker();
  readonly #world: ServiceWorld;
  readonly #order: AttemptOrder;

  constructor(world: ServiceWorld, order: AttemptOrder) {
    this.#world = world;
    this.#order = order;
  }

  /** Versions of the values by name, as they are now. */
  versions(): Readonly<Record<string, string>> {
    const names = (this.#order.spec.secrets ?? []).map((s) => s.name);
    return Object.fromEntries(names.map((name) => [name, this.#world.secretVersion(name) ?? ""]));
  }

  /** Whether a program that was given `before` has what it would be given now. */
  areStill(before: Readonly<Record<string, string>> = {}): boolean {
    return Object.entries(this.versions()).every(([name, version]) => before[name] === version);
  }

  /** Opens everything for a start. */
  async give(): Promise<GivenSecrets> {
    await removeSecrets(this.#world, this.#order);
    return await giveSecrets(this.#world, this.#order, this);
  }

  /** Opens what a program that goes on was given: it is hidden from now on. */
  async giveAgain(): Promise<void> {
    await giveSecrets(this.#world, this.#order, this, true);
  }

  /** One for an input. */
  readonly open = (name: string): Uint8Array => useSecret(this.#world, this.#order, this, name);

  /** An error in whose words nothing is told. */
  hideIn(error: unknown): unknown {
    return error instanceof RealmError
      ? new RealmError(error.code, this.masker.mask(error.message), { cause: error })
      : error;
  }

  /** Output with everything hidden in it. */
  hide(onLog: (chunk: LogChunk) => void): HiddenLog {
    if ((this.#order.spec.secrets ?? []).length === 0) return { onLog, holds: () => false, end() {} };
    const encoder = new TextEncoder();
    const streams = new Map(
      (["stdout", "stderr", "system"] as const).map((stream) => [
        stream,
        { decoder: new TextDecoder(), mask: this.masker.stream() },
      ]),
    );
    return {
      onLog: (chunk) => {
        const { decoder, mask } = streams.get(chunk.stream)!;
        const text = mask.push(decoder.decode(chunk.bytes, { stream: true }));
        if (text !== "") onLog({ ...chunk, bytes: encoder.encode(text) });
      },
      holds: (stream) => streams.get(stream)!.mask.held() !== "",
      end() {
        for (const [stream, { mask }] of streams) {
          const text = mask.end();
          if (text !== "") onLog({ stream, at: Date.now(), bytes: encoder.encode(text) });
        }
      },
    };
  }
}
