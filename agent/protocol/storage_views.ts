/** What queries about blobs and uploads answer: plain JSON shapes. */
import type { Digest, NodeId } from "./identity.ts";

/** A blob at the answering node. */
export interface BlobView {
  /** SHA-256 of the content. */
  readonly digest: Digest;
  /** Bytes; 0 when it is not here and no pin tells. */
  readonly size: number;
  /** For people. */
  readonly name?: string;
  /** Of its manifest, when chunked. */
  readonly chunks?: number;
  /** Nodes known to hold it. */
  readonly holders: readonly NodeId[];
  /** What needs it. */
  readonly references: readonly string[];
  /** Promise to keep it. */
  readonly pin?: { readonly copies: number; readonly tags: readonly string[] };
  /** Whether the answering node holds all of it. */
  readonly here: boolean;
}

/** Contents that have to be uploaded. */
export interface MissingView {
  /** Digests. */
  readonly missing: readonly Digest[];
}

/** How far an upload is. */
export interface UploadStateView {
  /** SHA-256 of the content. */
  readonly digest: Digest;
  /** Bytes that are safe: where to go on. 0 when `whole`. */
  readonly offset: number;
  /** The whole content is on the node. */
  readonly whole: boolean;
  /** A connection is sending it now. */
  readonly busy: boolean;
}

/** Content that was stored. */
export interface UploadedView {
  /** SHA-256 of the content. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}
