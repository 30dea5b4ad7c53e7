/**
 * Removing state volumes: the one place where data of an app is deleted. That it was wished is noted before anything
 * goes and that it is done after all went, so that a node that is killed in between, or was away meanwhile, ends it.
 */
import { type AppState, type Core, isKept } from "../core/mod.ts";
import { listVolumes, type PackageWorld, removeVolume } from "../packages/mod.ts";
import type { Database } from "../platform/mod.ts";
import type { Log } from "../ports.ts";

/** What removing takes. */
export interface VolumeParts {
  readonly core: Pick<Core, "apps"> & { readonly config: Pick<Core["config"], "self"> };
  /** Remembers what was removed. */
  readonly database: Pick<Database, "meta" | "setMeta">;
  readonly world: PackageWorld;
  readonly dataDir: string;
  readonly log: Pick<Log, "error">;
  /** Whether something of an app runs here still. */
  readonly runs: (app: string) => boolean;
}

/** Volumes go only when their app was removed with them, by a person's explicit wish. */
export class VolumeRemovals {
  readonly #parts: VolumeParts;
  /** Time of the last wish that is carried out, by app: as the database has it. */
  readonly #done = new Map<string, number>();
  readonly #removing = new Map<string, Promise<void>>();

  constructor(parts: VolumeParts) {
    this.#parts = parts;
  }

  /** What is wished of apps, or what runs here, has changed. */
  changed(): void {
    const { core, log, runs } = this.#parts;
    for (const app of core.apps.values()) {
      const wished = this.#open(app);
      if (wished === undefined || runs(app.name)) continue;
      this.#remove(app.name, wished).catch((error) =>
        log.error("volumes could not be removed; the next start tries again", {
          app: app.name,
          error: String(error),
        })
      );
    }
  }

  /** Before volumes of an app are opened here, none of whose replicas uses any: what was to go is gone then. */
  async settle(name: string): Promise<void> {
    const app = this.#parts.core.apps.get(name), wished = app && this.#open(app);
    if (wished !== undefined) await this.#remove(name, wished);
  }

  /** Time of the wish that is still to be carried out. */
  #open(app: AppState): number | undefined {
    const { database, core } = this.#parts, { name, clearedTime: wished } = app;
    if (wished === undefined || this.#done.get(name) === wished) return undefined;
    if (database.meta(`dropped/${name}`) === String(wished)) {
      this.#done.set(name, wished);
      return undefined;
    }
    if (database.meta(`dropping/${name}`) === String(wished)) return wished;
    if (app.held.get(core.config.self)?.some((h) => isKept(app, h))) {
      // The wish is older than the deploy that uses them: it came late, and is not about what has been written since.
      this.#end(name, wished);
      return undefined;
    }
    database.setMeta(`dropping/${name}`, String(wished));
    return wished;
  }

  #end(name: string, wished: number): void {
    this.#parts.database.setMeta(`dropped/${name}`, String(wished));
    this.#done.set(name, wished);
  }

  #remove(name: string, wished: number): Promise<void> {
    let removing = this.#removing.get(name);
    if (!removing) {
      removing = this.#removeAll(name, wished).finally(() => this.#removing.delete(name));
      this.#removing.set(name, removing);
    }
    return removing;
  }

  async #removeAll(name: string, wished: number): Promise<void> {
    const { world, dataDir } = this.#parts;
    for (const volume of await listVolumes(world, dataDir, name)) {
      await removeVolume(world, dataDir, name, volume);
    }
    this.#end(name, wished);
  }
}
