/** Content on this node: the blob store, fetching from other nodes, and packages made from both. */
import {
  type BlobExchange,
  type BlobStore,
  createBlobExchange,
  defaultQuota,
  openBlobStore,
} from "../storage/mod.ts";
import { type Artifacts, openArtifacts, recoverVolumes } from "../packages/mod.ts";
import { planGc, type RunOrder } from "../core/mod.ts";
import type { Clock, Disk, Hasher, Log, PeerStreams, Random } from "../ports.ts";
import {
  type AppManifest,
  type Digest,
  limits,
  type NodeId,
  parsePackageManifest,
  RealmError,
} from "../protocol/mod.ts";
import type { ReadyPackage } from "./replica.ts";

/** How often the quota is measured anew (free space changes by others' doing) and abandoned uploads are looked for. */
const UPKEEP_MS = 60_000;

/** What contents are made of. */
export interface ContentsOptions {
  readonly dataDir: string;
  readonly disk: Disk;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly streams: PeerStreams;
  readonly members: () => readonly NodeId[];
  /** What must not be collected. */
  readonly inUse: () => { readonly pins: ReadonlySet<Digest>; readonly packages: ReadonlySet<Digest> };
  readonly onDamaged: (digest: Digest) => void;
  readonly onMisbehaviour: (peer: NodeId, why: string) => void;
}

/** See the module's text. */
export interface Contents extends AsyncDisposable {
  readonly store: BlobStore;
  readonly exchange: BlobExchange;
  readonly artifacts: Artifacts;
  /** The package of an order, fetched as far as it is not here (from `holders` first), verified, extracted. */
  ensurePackage(
    order: RunOrder,
    holders: readonly NodeId[],
    onProgress: (done: number, total: number, verifying: boolean) => void,
    signal: AbortSignal,
  ): Promise<ReadyPackage>;
  /** Brings a package's blobs here, as far as they are not; returns soon when they are. */
  holdPackage(digest: Digest, holders: readonly NodeId[], signal: AbortSignal): Promise<void>;
  /** Begins to fetch a package that will likely be needed. Failures do not matter here. */
  prefetch(digest: Digest, holders: readonly NodeId[]): void;
}

async function readManifest(store: BlobStore, digest: Digest): Promise<AppManifest> {
  const size = await store.size(digest) ?? 0;
  if (size > limits.manifestBytes) {
    throw new RealmError("bad_manifest", `the package's manifest is ${size} bytes; that is no manifest`);
  }
  const parsed = parsePackageManifest(new Uint8Array(await new Response(store.read(digest)).arrayBuffer()));
  if (!parsed.ok) throw new RealmError(parsed.code, parsed.message);
  return parsed.value;
}

/** Opens what is on disk and mends what a crash left. */
export async function openContents(options: ContentsOptions): Promise<Contents> {
  const { disk, hasher, dataDir, log } = options;
  const late: { exchange?: BlobExchange; store?: BlobStore } = {};
  let quota = 0;
  const measure = async () => {
    const held = late.store ? (await late.store.usage()).usedBytes : 0;
    quota = defaultQuota(await disk.space(dataDir), held);
  };
  /** Files of packages in use, by package: a manifest never changes. */
  const filesOf = new Map<Digest, readonly Digest[]>();
  async function makeRoom(bytes: number): Promise<void> {
    const { store } = late;
    if (!store) return;
    const { pins, packages } = options.inUse();
    const referenced = new Set(packages);
    for (const digest of packages) {
      let files = filesOf.get(digest);
      if (!files && await store.has(digest)) {
        filesOf.set(
          digest,
          files = (await readManifest(store, digest)).files.map((f) => f.sha256),
        );
      }
      for (const file of files ?? []) referenced.add(file);
    }
    for (const digest of filesOf.keys()) if (!packages.has(digest)) filesOf.delete(digest);
    const blobs = (await store.list()).map((b) => ({
      ...b,
      pinned: pins.has(b.digest),
      referenced: referenced.has(b.digest),
    }));
    const { usedBytes, quotaBytes } = await store.usage();
    const plan = planGc(blobs, { usedBytes, quotaBytes, neededBytes: bytes }, options.clock.now());
    const done = await store.collect({
      remove: plan.remove.map((r) => r.digest),
      dropPartials: plan.shortBytes > 0,
    });
    log.info("collected unused content", {
      removed: done.removed.length,
      freed_bytes: done.freedBytes,
      short_bytes: plan.shortBytes,
    });
  }
  await measure();
  const store = late.store = await openBlobStore({
    disk,
    hasher,
    directory: `${dataDir}/blobs`,
    now: options.clock.now,
    log,
    quotaBytes: () => quota,
    makeRoom,
    onDamaged: options.onDamaged,
    onStored: (digest) => late.exchange?.noteStored(digest),
    onRemoved: (digest) => late.exchange?.noteRemoved(digest),
  });
  const exchange = late.exchange = createBlobExchange({
    store,
    streams: options.streams,
    members: options.members,
    clock: options.clock,
    random: options.random,
    log,
    onMisbehaviour: options.onMisbehaviour,
  });
  const artifacts = openArtifacts({ disk, hasher }, store, `${dataDir}/artifacts/packages`);
  const report = await artifacts.recover();
  for (const { digest, reason } of report.damaged) {
    log.warn("a damaged package was removed", { digest, reason });
  }
  await recoverVolumes({ disk, hasher }, dataDir);

  await measure();
  const upkeep = async () => {
    await measure();
    await store.uploads.forget((u) => u.lastUse < options.clock.now() - limits.uploadMs);
  };
  const upkeepTimer = setInterval(() => void upkeep().catch(() => {}), UPKEEP_MS);
  const opened = { store, exchange };

  async function fetchPackage(
    digest: Digest,
    holders: readonly NodeId[],
    onProgress: (done: number, total: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { store, exchange } = opened;
    const options = { holders, ...(signal ? { signal } : {}) };
    if (!await store.has(digest)) await exchange.fetch(digest, options);
    const { files } = await readManifest(store, digest);
    const missing: Digest[] = [];
    let have = 0;
    const total = files.reduce((n, f) => n + f.size, 0);
    for (const file of files) {
      if (await store.has(file.sha256)) have += file.size;
      else missing.push(file.sha256);
    }
    onProgress(have, total);
    if (missing.length === 0) return;
    await exchange.fetchMany([...new Set(missing)], {
      ...options,
      onProgress: (p) => onProgress(Math.min(total, have + p.doneBytes), total),
    });
  }

  const prefetching = new Set<Digest>();
  return {
    ...opened,
    artifacts,
    async ensurePackage(order, holders, onProgress, signal) {
      const { package: digest } = order.revision.spec;
      let ready = await artifacts.get(digest);
      if (!ready) {
        await fetchPackage(digest, holders, (done, total) => onProgress(done, total, false), signal);
        onProgress(order.revision.spec.bytes, order.revision.spec.bytes, true);
        ready = await artifacts.materialise(digest, signal);
      }
      return { dir: ready.directory, manifest: ready.manifest };
    },
    holdPackage: (digest, holders, signal) => fetchPackage(digest, holders, () => {}, signal),
    prefetch(digest, holders) {
      if (prefetching.has(digest) || prefetching.size > 16) return;
      prefetching.add(digest);
      fetchPackage(digest, holders, () => {})
        .catch((error) => log.debug("prefetch failed", { digest, error: String(error) }))
        .finally(() => prefetching.delete(digest));
    },
    async [Symbol.asyncDispose]() {
      clearInterval(upkeepTimer);
      await opened.exchange[Symbol.asyncDispose]();
      await opened.store[Symbol.asyncDispose]();
    },
  };
}
