/**
 * Content-addressed storage of one node, and its exchange with other nodes.
 *
 * Invariant: what is served or read under a digest was hashed to that digest on its way out; a name appears only when
 * its content is whole and durable. This folder does not know what is referenced, pinned or wanted, nor who may store:
 * `core/` plans, `node/` asks.
 */
export {
  type BlobStore,
  type BlobStoreOptions,
  type Collected,
  openBlobStore,
  type StoredBlob,
  type StoreUsage,
  type TransferStore,
} from "./blob_store.ts";
export type { PartialBlob } from "./partial.ts";
export type { ChunkRef, ManifestInfo } from "./manifest.ts";
export type { Uploads, UploadState } from "./upload.ts";
export type { Looked } from "./finder.ts";
export { defaultQuota } from "./space.ts";
export {
  type BlobExchange,
  type BlobExchangeOptions,
  createBlobExchange,
  type FetchOptions,
  type FetchProgress,
} from "./exchange.ts";
