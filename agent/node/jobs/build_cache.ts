/** The build cache of an attempt: restored before it starts, kept after it succeeded. Nothing here ever fails a job. */
import type { AttemptOrder } from "../../core/mod.ts";
import { type CacheEntry, type CacheUse, type Digest, jobLimits, type NodeId } from "../../protocol/mod.ts";
import type { AttemptWorld } from "./attempt_world.ts";
import { packCache, unpackCache } from "./cache_archive.ts";

/** What a node knows of caches. */
export interface Caches {
  /** The entry under `key`, or else the newest under a key that begins with one of `beginnings`, in their order. */
  find(
    scope: string,
    key: string,
    beginnings: readonly string[],
  ): { readonly entry: CacheEntry; readonly holder: NodeId } | undefined;
  /** This node has content under a key now. */
  stored(entry: CacheEntry): void;
}

/** The cache of one attempt. */
export interface AttemptCache {
  /** For who takes the attempt over. */
  readonly state: CacheState;
  /** What came of it so far; `undefined` without a key. */
  use(): CacheUse | undefined;
  /** Keeps what the run left under its key, unless that is there already. Lines for the log. */
  keep(): Promise<readonly string[]>;
}

/** What must be known of a cache to keep it. */
export interface CacheState {
  readonly key: string;
  /** It was found under its own key. */
  readonly hit: boolean;
  /** What was restored. */
  readonly restored?: { readonly key: string; readonly bytes: number };
}

/** A use is told when the last one was so long ago. */
const USED_MS = 3_600_000;
/** Bytes of one file that are hashed for a key. */
const HASH_BYTES = 64 * 1024 * 1024;

/** SHA-256 of a file of the job, shortened; links are followed nowhere. */
async function hashOf(root: string, path: string): Promise<string | undefined> {
  const parts = path.split("/").filter((p) => p !== "" && p !== ".");
  if (parts.includes("..")) return undefined;
  let at = root;
  for (const [i, part] of parts.entries()) {
    at += `/${part}`;
    const info = await Deno.lstat(at).catch(() => undefined);
    if (!info || (i < parts.length - 1 ? !info.isDirectory : !info.isFile || info.size > HASH_BYTES)) {
      return undefined;
    }
  }
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(at));
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("").slice(0, 16);
}

async function keyOf(template: string, root: string, workingDir: string, notes: string[]): Promise<string> {
  let key = "", rest = template;
  for (let found = /\{hash:([^}]+)\}/.exec(rest); found; found = /\{hash:([^}]+)\}/.exec(rest)) {
    const file = found[1];
    const hash = await hashOf(root, file.startsWith("/") ? file : `${workingDir}/${file}`);
    if (hash === undefined) notes.push(`cache: there is no file ${file}, so that the key says "none" for it`);
    key += rest.slice(0, found.index) + (hash ?? "none");
    rest = rest.slice(found.index + found[0].length);
  }
  return (key + rest).slice(0, jobLimits.cacheKeyChars);
}

const why = (error: unknown): string => error instanceof Error ? error.message : String(error);

/** What caches need of an attempt's world. */
type CacheWorld = Pick<AttemptWorld, "store" | "fetch"> & { readonly caches: Caches };

/** Only what the same key submitted is trusted, and only for the same kind of machine. */
const scopeOf = (order: AttemptOrder): string => `${order.by}/${Deno.build.os}/${Deno.build.arch}`;

/** Restores the cache that the attempt asks for; `undefined` when it asks for none. */
export async function openCache(
  world: CacheWorld,
  order: AttemptOrder,
  root: string,
  staging: string,
  note: (line: string) => void,
  signal: AbortSignal,
): Promise<AttemptCache | undefined> {
  const { cache, working_dir: workingDir, disk_mb: diskMb } = order.spec;
  if (!cache) return undefined;
  const scope = scopeOf(order);
  const notes: string[] = [];
  let key = "", hit = false, restored: CacheState["restored"];
  try {
    key = await keyOf(cache.key, root, workingDir, notes);
    const found = world.caches.find(scope, key, cache.restore_keys);
    if (found) {
      const { entry, holder } = found;
      if (!await world.store.has(entry.digest)) await world.fetch([entry.digest], [holder], () => {}, signal);
      const there = await unpackCache(
        world.store.read(entry.digest),
        root,
        cache.paths,
        staging,
        diskMb * 1024 * 1024,
      );
      hit = entry.key === key;
      if (there.length > 0) restored = { key: entry.key, bytes: entry.bytes };
      // It is here now as well, and wanted still.
      if (Date.now() - entry.at > USED_MS) world.caches.stored({ ...entry, at: Date.now() });
      notes.push(
        restored
          ? `cache ${entry.key} restored: ${there.join(", ")}`
          : `cache ${entry.key} was not restored: there is something at ${cache.paths.join(", ")} already`,
      );
    } else notes.push(`cache ${key}: nothing is kept under it`);
  } catch (error) {
    if (!signal.aborted) notes.push(`cache ${key} was not restored: ${why(error)}`);
  } finally {
    await Deno.remove(staging, { recursive: true }).catch(() => {});
    for (const line of notes) note(line);
  }
  return cacheOf(world, order, root, { key, hit, ...(restored ? { restored } : {}) });
}

/** The cache of an attempt that is laid out already. */
export function cacheOf(
  world: CacheWorld,
  order: AttemptOrder,
  root: string,
  state: CacheState,
): AttemptCache | undefined {
  const { cache } = order.spec;
  if (!cache) return undefined;
  const { key, hit, restored } = state;
  let kept: number | undefined;
  return {
    state,
    use: () =>
      key === "" ? undefined : {
        key,
        ...(restored ? { restored: { ...restored } } : {}),
        ...(kept === undefined ? {} : { kept_bytes: kept }),
      },
    async keep() {
      if (hit || key === "") return [];
      try {
        const content = await packCache(root, cache.paths, jobLimits.cacheBytes);
        if (!content) return [`cache ${key}: none of ${cache.paths.join(", ")} is there, nothing was kept`];
        const { digest, size }: { digest: Digest; size: number } = await world.store.write(content);
        world.caches.stored({ scope: scopeOf(order), key, digest, bytes: size, at: Date.now() });
        kept = size;
        return [`cache ${key} is kept, ${Math.ceil(size / 1024)} KiB`];
      } catch (error) {
        return [`cache ${key} could not be kept: ${why(error)}`];
      }
    },
  };
}
