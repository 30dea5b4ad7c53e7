/** Removing state volumes: the one place where data of an app is deleted. */
import type { Core } from "../core/mod.ts";
import { type PackageWorld, removeVolume } from "../packages/mod.ts";
import type { Database } from "../platform/mod.ts";
import type { Log } from "../ports.ts";

/** What removing takes. */
export interface VolumeParts {
  readonly core: Core;
  /** Remembers what was removed. */
  readonly database: Database;
  readonly world: PackageWorld;
  readonly dataDir: string;
  readonly log: Log;
  /** Whether something of an app runs here still. */
  readonly runs: (app: string) => boolean;
}

/** Volumes go only when their app was removed with them, by a person's explicit wish. */
export function dropVolumes({ core, database, world, dataDir, log, runs }: VolumeParts): void {
  for (const app of core.apps.values()) {
    if (
      !app.removed?.volumes || app.desired ||
      database.meta(`dropped/${app.name}`) === String(app.removed.at)
    ) continue;
    if (runs(app.name)) continue;
    database.setMeta(`dropped/${app.name}`, String(app.removed.at));
    const names = new Set(
      [...app.commands.values()].flatMap((c) => c.kind === "app.deploy" ? c.body.spec.volumes : []),
    );
    for (const volume of names) {
      removeVolume(world, dataDir, app.name, volume).catch((error) =>
        log.error("a volume could not be removed", { app: app.name, volume, error: String(error) })
      );
    }
  }
}
