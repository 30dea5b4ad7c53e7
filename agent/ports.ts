/**
 * The doors to the world. Core code sees only these types; `platform/` implements them for Deno, `tests/sim/` for the
 * deterministic simulation, tests with in-memory fakes. Nothing here does anything.
 */
import type { Digest, NodeId } from "./protocol/identity.ts";

/** Time. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary origin; for durations. */
  monotonic(): number;
}

/** Randomness for ids and jitter. */
export interface Random {
  /** `n` random bytes. */
  bytes(n: number): Uint8Array;
  /** Uniform in [0, 1). */
  next(): number;
}

/** A bidirectional byte stream with a member of the realm. Both directions have backpressure. */
export interface PeerStream {
  /** The authenticated other side. */
  readonly peer: NodeId;
  /** Bytes from the peer; ends when it closed its side, errors when the stream was reset. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Bytes to the peer; closing it half-closes the stream. */
  readonly writable: WritableStream<Uint8Array>;
  /** Ends both directions at once, telling the peer. */
  reset(): void;
}

/** Unicast streams to members by protocol name; implemented by the mesh, and by an in-memory pair in tests. */
export interface PeerStreams {
  /** This node. */
  readonly self: NodeId;
  /**
   * Opens a stream for `protocol` (for example `/realm/blob/1.0.0`), dialling when needed.
   * Throws `RealmError("unreachable")` when the peer cannot be reached in time or is no member.
   */
  open(peer: NodeId, protocol: string, options?: { signal?: AbortSignal }): Promise<PeerStream>;
  /** Answers streams of `protocol` opened by members. One handler per protocol. */
  handle(protocol: string, handler: (stream: PeerStream) => void | Promise<void>): void;
}

/** What a file is. `other` covers symlinks, devices, sockets: nothing Realm follows. */
export interface FileInfo {
  /** `other` is nothing that Realm follows. */
  readonly kind: "file" | "directory" | "other";
  /** Bytes; 0 for directories. */
  readonly size: number;
  /** Last change, milliseconds since 1970. */
  readonly modifiedAt: number;
  /** Whether its owner may execute it, where the platform knows that of files. */
  readonly executable?: boolean;
}

/** A name in a directory. */
export interface DirectoryEntry extends FileInfo {
  /** File name without its directory. */
  readonly name: string;
}

/** A file being written. */
export interface DiskWriter {
  /** Appends all bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Flushes to the device, so that the content survives a power cut. */
  sync(): Promise<void>;
  /** Closes; idempotent. */
  close(): Promise<void>;
}

/**
 * Files under the data directory. Paths are absolute. Failures are `RealmError` with code `disk`, `no_space` (device
 * full) or `not_found`. A change of a directory (create, rename, remove) survives a power cut for certain only after
 * `syncDirectory` or a durable operation on it; content only after `DiskWriter.sync`.
 */
export interface Disk {
  /** Whole content; for small files only. */
  readFile(path: string): Promise<Uint8Array>;
  /**
   * Fills `into` from the start of a file; returns the file's size, which tells whether it was shorter or longer. For
   * reading many files without leaving a buffer behind for each.
   */
  readInto(path: string, into: Uint8Array): Promise<number>;
  /** Content from `start` (default 0) to `end` (exclusive, default all) as a stream with bounded buffers. */
  readStream(path: string, range?: { start?: number; end?: number }): ReadableStream<Uint8Array>;
  /** Creates or truncates a file; a new one may be executed when that is asked for. */
  create(path: string, options?: { executable?: boolean }): Promise<DiskWriter>;
  /** Opens a file to append to it, cut to its first `keep` bytes before. */
  extend(path: string, keep: number): Promise<DiskWriter>;
  /** Writes a file so that after a power cut it has the old or the new content (temp file, fsync, rename, fsync dir). */
  writeAtomic(path: string, bytes: Uint8Array): Promise<void>;
  /**
   * Renames, replacing. Makes the rename durable unless `durable` is `false`: then the caller does so for many at once
   * by `syncDirectory`.
   */
  rename(from: string, to: string, options?: { durable?: boolean }): Promise<void>;
  /** Removes a file or a whole directory; no error when absent. Not durable by itself. */
  remove(path: string): Promise<void>;
  /** Makes a directory with its parents, durably. */
  makeDirectory(path: string): Promise<void>;
  /** Makes every earlier create, rename and remove in this directory durable. Concurrent calls share one flush. */
  syncDirectory(path: string): Promise<void>;
  /** Names in a directory, sorted; empty when absent. */
  list(path: string): Promise<readonly string[]>;
  /** Names in a directory with what they are, sorted by name; empty when absent. */
  entries(path: string): Promise<readonly DirectoryEntry[]>;
  /** Information without following symlinks; `undefined` when absent. */
  stat(path: string): Promise<FileInfo | undefined>;
  /** Sets a file's time of last change; durable at the file system's leisure. */
  touch(path: string, at: number): Promise<void>;
  /** Lets its owner, and nobody else, execute a file. */
  makeExecutable(path: string): Promise<void>;
  /** Size of the device in bytes. */
  space(path: string): Promise<{ readonly total: number; readonly free: number }>;
}

/** SHA-256 in progress. */
export interface Sha256 {
  /** Hashes more bytes; they may be reused afterwards. */
  update(bytes: Uint8Array): void;
  /** Ends it: the digest of everything updated. */
  digest(): Digest;
}
/** Hashing at native speed, for content larger than a message. */
export interface Hasher {
  /** A new SHA-256. */
  sha256(): Sha256;
}

/** Reading content by digest, as packages, runtimes and the gateway see the blob store. */
export interface BlobSource {
  /** Whether the whole content is here and was verified when stored. */
  has(digest: Digest): Promise<boolean>;
  /** Size in bytes; `undefined` when not here. */
  size(digest: Digest): Promise<number | undefined>;
  /** Verified content as a stream; throws `RealmError("not_found")`, or errors the stream with `bad_digest`. */
  read(digest: Digest, range?: { start?: number; end?: number }): ReadableStream<Uint8Array>;
}

/** Storing content by digest. */
export interface BlobSink {
  /**
   * Stores content, atomically and durably; returns its digest and size. With `expected`, refuses other content with
   * `bad_digest` and keeps nothing of it.
   */
  write(
    content: ReadableStream<Uint8Array>,
    options?: { expected?: Digest; signal?: AbortSignal },
  ): Promise<{ digest: Digest; size: number }>;
}

/** A request to a workload on this node, as plain data: the path of every request is too short for more. */
export interface HttpCall {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host and port. */
  readonly authority: string;
  /** Path and query. */
  readonly path: string;
  /** Names in lower case. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined;
  /** The caller has gone. */
  readonly signal: AbortSignal;
}

/** What a workload answered. Status and fields come from the workload and may be no valid HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  /** Bytes when all of them were there at once. */
  readonly body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
}

/** One line or chunk that a workload wrote. */
export interface LogChunk {
  readonly stream: "stdout" | "stderr" | "system";
  readonly at: number;
  /** UTF-8 as far as the workload wrote UTF-8. `system` chunks are by Realm: what happened to the workload and why. */
  readonly bytes: Uint8Array;
  /** Where in its stream it ends, in bytes since the start, when it can be told again from a place. */
  readonly end?: number;
}

/** One structured diagnostic line of the agent itself. */
export interface Log {
  /** Fine detail; off by default. */
  debug(message: string, fields?: Record<string, unknown>): void;
  /** Normal life. */
  info(message: string, fields?: Record<string, unknown>): void;
  /** Something is off and Realm deals with it. */
  warn(message: string, fields?: Record<string, unknown>): void;
  /** Something failed and somebody should look. */
  error(message: string, fields?: Record<string, unknown>): void;
}
