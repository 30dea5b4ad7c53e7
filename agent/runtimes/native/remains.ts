/**
 * What a run leaves if the agent dies with it: written down before it starts, so that the next agent ends its processes
 * and removes its control groups. One small file per run.
 */
import { type Belonging, endProcesses } from "./processes.ts";

/** A run's entry. */
export interface Remains extends Belonging {
  /** The run. */
  readonly id: string;
}

const path = (directory: string, name: string) => `${directory}/${name}.json`;

/** Writes an entry down. */
export function noteRemains(directory: string, name: string, remains: Remains): void {
  Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = path(directory, name);
  Deno.writeTextFileSync(`${file}.new`, JSON.stringify(remains), { mode: 0o600 });
  Deno.renameSync(`${file}.new`, file);
}

/**
 * Ends a run's processes and removes its control groups and its entry. Returns processes that would not end; then the
 * entry stays.
 */
export async function clearRemains(
  directory: string,
  name: string,
  remains: Belonging,
): Promise<readonly number[]> {
  const left = await endProcesses(remains);
  for (const group of remains.groups) await removeGroup(group);
  if (left.length === 0) await Deno.remove(path(directory, name)).catch(() => {});
  return left;
}

/** A group can be removed a moment after its last process has ended. */
async function removeGroup(group: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      Deno.removeSync(group);
      return;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Names in a directory, which may not be there. */
export function namesIn(directory: string): readonly string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
  } catch {
    return [];
  }
}

/** Entries of a process before this one, by name. A file that is no entry is one that was never finished. */
export function listRemains(directory: string): readonly (readonly [string, Remains])[] {
  return namesIn(directory).flatMap((name) => {
    if (!name.endsWith(".json")) return [];
    try {
      return [[name.slice(0, -5), JSON.parse(Deno.readTextFileSync(`${directory}/${name}`))] as const];
    } catch {
      return [];
    }
  });
}
