/**
 * Content that a client sends under a digest which it knows beforehand: what arrived survives a broken connection and a
 * killed agent, chunk by chunk, and the rest is sent from there. Nothing is a blob before its whole was hashed.
 */
import type { Digest } from "../protocol/identity.ts";
import { RealmError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import {
  bySize,
  commitDraft,
  discard,
  pieces,
  revive,
  storeChunks,
  type Stored,
  type WriterParts,
} from "./blob_writer.ts";
import type { UploadFile } from "./catalogue.ts";
import { ENTRY_BYTES } from "./manifest.ts";
import {
  createManifestDraft,
  type ManifestDraft,
  resumeManifestDraft,
  savedEntries,
} from "./manifest_draft.ts";
import { createWholeHash, type HashedFront } from "./whole_hash.ts";

/** How far an upload is. */
export interface UploadState {
  /** Where to go on: bytes that are safe. */
  readonly offset: number;
  /** The whole content is here. */
  readonly whole: boolean;
  /** A connection is sending it now. */
  readonly busy: boolean;
}

/** See the module's description. */
export interface Uploads {
  /** How far the upload of a content is. */
  state(digest: Digest): Promise<UploadState>;
  /**
   * Takes the content from byte `offset` on, which must be where the upload stands, and stores it when its end has come.
   * After a failure the upload stands where its last whole chunk ended. Throws `conflict` (with where it stands) for
   * another offset and while another connection sends, `bad_digest` when the whole is other content: then nothing stays.
   */
  write(
    digest: Digest,
    offset: number,
    content: ReadableStream<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<Stored>;
  /** Drops those uploads that nobody sends just now and that `which` names; returns the bytes freed. */
  forget(which: (upload: UploadFile) => boolean): Promise<number>;
}

/** A connection that sends. */
interface Sender {
  movedAt: number;
  draft?: ManifestDraft;
  readonly stop: AbortController;
  readonly ended: PromiseWithResolvers<void>;
}

/** Uploads of a store. */
export function createUploads(parts: WriterParts): Uploads {
  const { catalogue, chunks, disk, layout, now, space } = parts;
  const senders = new Map<Digest, Sender>();
  /** Hashes of idle uploads: spares reading everything again unless the agent was restarted. */
  const fronts = new Map<Digest, HashedFront>();

  /** Becomes the one that sends. One that has been silent gives way. */
  async function takeTurn(digest: Digest): Promise<Sender> {
    for (let other = senders.get(digest); other; other = senders.get(digest)) {
      if (now() - other.movedAt < limits.uploadSilenceMs) {
        throw conflict(
          "another connection is uploading this content; wait for it",
          other.draft?.bytes() ?? 0,
        );
      }
      other.stop.abort(conflict("the upload went on over another connection", other.draft?.bytes() ?? 0));
      await other.ended.promise;
    }
    const sender = { movedAt: now(), stop: new AbortController(), ended: Promise.withResolvers<void>() };
    senders.set(digest, sender);
    return sender;
  }

  async function openDraft(digest: Digest): Promise<ManifestDraft> {
    const known = catalogue.uploads.get(digest);
    if (!known) {
      const idle = [...catalogue.uploads.values()].sort((a, b) => a.lastUse - b.lastUse);
      for (const old of idle.slice(0, Math.max(0, idle.length + 1 - limits.uploads))) await drop(old);
      return await createManifestDraft(parts, layout.upload(digest));
    }
    const draft = await resumeManifestDraft(parts, known.path, known.count * ENTRY_BYTES, chunks.claim);
    // From here on the draft, a root as well, counts its bytes.
    catalogue.uploads.delete(digest);
    return draft;
  }

  /** Ends the work on a draft; what it lists stays to be gone on with. */
  async function suspend(digest: Digest, draft: ManifestDraft): Promise<void> {
    const unsaved = await draft.leave();
    if (draft.count() > 0) {
      space.release(draft.reserved());
      catalogue.adoptUpload(digest, draft.count(), now());
    } else await draft.discard();
    catalogue.drafts.delete(draft);
    // What is not swept is found as orphaned at the next start.
    if (unsaved.length > 0) await chunks.sweep(once(unsaved)).catch(() => {});
  }

  async function storeFrom(
    digest: Digest,
    offset: number,
    all: AsyncIterable<Uint8Array>,
    sender: Sender,
  ): Promise<Stored> {
    const draft = sender.draft = await openDraft(digest);
    catalogue.drafts.add(draft);
    const front = fronts.get(digest);
    fronts.delete(digest);
    const usable = front && front.chunks <= draft.count() ? front : undefined;
    const whole = createWholeHash(parts, (i) => i < draft.count(), draft.refs, usable);
    try {
      if (draft.bytes() !== offset) {
        throw conflict(
          `the upload stands at byte ${draft.bytes()} and not at ${offset}; go on from there`,
          draft.bytes(),
        );
      }
      whole.ahead();
      await storeChunks(parts, all, draft, whole, { added: false });
    } catch (error) {
      const reached = await whole.front();
      await suspend(digest, draft);
      if (reached && catalogue.uploads.has(digest)) fronts.set(digest, reached);
      throw error;
    }
    const found = await whole.end(draft.count());
    if (found === digest) return await commitDraft(parts, draft, digest);
    if (found !== undefined && await undamaged(draft)) {
      await discard(parts, draft, true);
      throw new RealmError(
        "bad_digest",
        `the content is ${found}, not ${digest} as expected; nothing was stored`,
        { detail: { expected: digest, found } },
      );
    }
    await suspend(digest, draft);
    throw conflict(
      "what was saved of the upload is damaged on this node's disk; go on where it is whole",
      await standing(digest),
    );
  }

  /** Whether every chunk is what it was; the first that is not is set aside. */
  async function undamaged(draft: ManifestDraft): Promise<boolean> {
    for (let at = 0; at < draft.count(); at += limits.manifestPageEntries) {
      for (const ref of await draft.refs(at, at + limits.manifestPageEntries)) {
        const loan = await chunks.read(ref).catch(() => undefined);
        if (!loan) return false;
        loan.release();
      }
    }
    return true;
  }

  /** Bytes that an idle upload can be gone on from: up to the first chunk that is not there. */
  async function standing(digest: Digest): Promise<number> {
    const file = catalogue.uploads.get(digest);
    let bytes = 0;
    for await (const page of file ? savedEntries(parts, file.path) : []) {
      for (const ref of page) {
        if ((await disk.stat(layout.chunk(ref.sha256)))?.size !== ref.size) return bytes;
        bytes += ref.size;
      }
    }
    return bytes;
  }

  async function drop(file: UploadFile): Promise<number> {
    if (catalogue.uploads.get(file.digest) !== file || senders.has(file.digest)) return 0;
    catalogue.uploads.delete(file.digest);
    fronts.delete(file.digest);
    const away = parts.temporary(), own = file.count * ENTRY_BYTES;
    await disk.rename(file.path, away);
    space.release(own);
    const freed = await chunks.sweep(savedEntries(parts, away));
    await disk.remove(away);
    return own + freed;
  }

  return {
    async state(digest) {
      const sender = senders.get(digest);
      const whole = await catalogue.lookup(digest) !== undefined;
      const offset = whole ? 0 : sender?.draft?.bytes() ?? await standing(digest);
      return { offset, whole, busy: sender !== undefined };
    },
    async write(digest, offset, content, signal) {
      try {
        if (await revive(parts, digest)) return { digest, size: catalogue.entries.get(digest)!.size };
        const sender = await takeTurn(digest);
        const { stop, ended } = sender;
        const source = pieces(content, signal ? AbortSignal.any([signal, stop.signal]) : stop.signal, () => {
          sender.movedAt = now();
        });
        try {
          return offset > 0 || catalogue.uploads.has(digest)
            ? await storeFrom(digest, offset, source, sender)
            : await bySize(parts, source, digest, (all) => storeFrom(digest, 0, all, sender));
        } finally {
          senders.delete(digest);
          ended.resolve();
          await source.return(undefined);
        }
      } finally {
        // Only what was never read is still open here.
        if (!content.locked) await content.cancel().catch(() => {});
      }
    },
    async forget(which) {
      let freed = 0;
      for (const file of [...catalogue.uploads.values()]) if (which(file)) freed += await drop(file);
      return freed;
    },
  };
}

const conflict = (message: string, offset: number): RealmError =>
  new RealmError("conflict", message, { detail: { offset } });

async function* once<T>(value: T): AsyncGenerator<T> {
  yield await Promise.resolve(value);
}
