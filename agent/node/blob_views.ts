/** Blobs as the API tells of them: what the realm keeps or runs, who holds one, and content from whoever has it. */
import type { Core } from "../core/mod.ts";
import { type BlobView, type Digest, isDigest, type NodeId } from "../protocol/mod.ts";
import { type ContentPlaces, readAnywhere, untold } from "./fetching.ts";
import type { AgentService } from "./service.ts";

/** Blobs of a list at most. */
const LISTED = 10_000;

type Names = ReadonlyMap<Digest, { readonly name?: string; readonly references: readonly string[] }>;

/** Names that pins and packages give to digests. */
function namesIn(core: Core): Names {
  const names = new Map<Digest, { name?: string; references: string[] }>();
  const entry = (digest: Digest) => {
    let found = names.get(digest);
    if (!found) names.set(digest, found = { references: [] });
    return found;
  };
  for (const [digest, { pin }] of core.pins) if (pin?.name) entry(digest).name = pin.name;
  for (const app of core.apps.values()) {
    for (const r of app.revisions) entry(r.spec.package).references.push(`${app.name} ${r.spec.version}`);
  }
  return names;
}

function viewOf(
  core: Core,
  names: Names,
  digest: Digest,
  size: number,
  here: boolean,
  holders: readonly NodeId[],
): BlobView {
  const known = names.get(digest), pin = core.pins.get(digest)?.pin;
  return {
    digest,
    size,
    ...(known?.name ? { name: known.name } : {}),
    holders: [...new Set([...(here ? [core.config.self] : []), ...holders])],
    references: known?.references ?? [],
    ...(pin ? { pin: { copies: pin.copies, tags: pin.tags } } : {}),
    here,
  };
}

/** What the API asks about blobs. */
export function blobService(places: ContentPlaces): Pick<AgentService, "blobs" | "blob" | "readBlob"> {
  const { core, contents: { store, exchange } } = places;

  async function digestOf(name: string): Promise<Digest | undefined> {
    if (isDigest(name)) return name;
    const pinned = [...core.pins].find(([, { pin }]) => pin?.name === name)?.[0];
    if (pinned || !/^[0-9a-f]{8,}$/.test(name)) return pinned;
    const found = (await store.list()).filter((b) => b.digest.startsWith(name));
    return found.length === 1 ? found[0].digest : undefined;
  }

  return {
    async blobs() {
      const names = namesIn(core), views = new Map<Digest, BlobView>();
      const add = (digest: Digest, size: number, here: boolean) =>
        views.set(digest, viewOf(core, names, digest, size, here, []));
      for (const blob of (await store.list()).slice(0, LISTED)) add(blob.digest, blob.size, true);
      // What the realm promised to keep or runs is listed by every node, wherever its content is.
      for (const [digest, { pin }] of core.pins) if (pin && !views.has(digest)) add(digest, pin.size, false);
      for (const [digest, { references }] of names) {
        if (references.length > 0 && !views.has(digest)) add(digest, 0, false);
      }
      return [...views.values()];
    },
    async blob(name) {
      const digest = await digestOf(name);
      if (!digest) return undefined;
      const { holders, silent } = await exchange.look(digest).catch(() => ({ holders: [], silent: [] }));
      const size = await store.size(digest), pin = core.pins.get(digest)?.pin;
      if (size === undefined && holders.length === 0 && !pin) {
        if (silent.length > 0) throw untold(core, digest, silent);
        return undefined;
      }
      return viewOf(core, namesIn(core), digest, size ?? pin?.size ?? 0, size !== undefined, holders);
    },
    readBlob: (digest, signal) => readAnywhere(places, digest, signal),
  };
}
