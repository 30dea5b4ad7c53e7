/** Sending content to the node: only what the realm lacks, some files side by side, with the bytes counted as they leave. */
import { type Digest, packageBlobs, type PackageReader, type RealmClient } from "../../../mod.ts";

/** Files sent side by side: hides latency, and one slow disk is not swamped. */
const SIDE_BY_SIDE = 4;
/** Digests asked for at once; below the API's bound. */
const ASKED = 10_000;

/** How far it is. */
export interface Progress {
  readonly files: number;
  readonly filesOf: number;
  readonly bytes: number;
  readonly bytesOf: number;
}
/** Told of the bytes of each content as they leave, by its digest. */
const listeners = new Map<string, (sent: number) => void>();

/** `fetch` of a PUT, by the one door of browsers that tells how far an upload is. */
export function putCounted(url: string, init: RequestInit): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    const fail = () => reject(new TypeError("the upload was cut off"));
    request.open("PUT", url);
    for (const [name, value] of new Headers(init.headers)) request.setRequestHeader(name, value);
    const { pathname, searchParams } = new URL(url);
    // What goes on after an interruption begins at its offset.
    const before = Number(searchParams.get("offset") ?? 0);
    request.upload.onprogress = (e) =>
      listeners.get(pathname.slice(pathname.lastIndexOf("/") + 1))?.(before + e.loaded);
    request.onerror = request.onabort = request.ontimeout = fail;
    request.onload = () => {
      if (request.responseURL !== url) return fail();
      resolve(new Response(request.responseText, { status: request.status }));
    };
    request.onloadend = () => init.signal?.removeEventListener("abort", stop);
    init.signal?.addEventListener("abort", stop);
    if (init.signal?.aborted) return fail();
    request.send(init.body as XMLHttpRequestBodyInit);
  });
}

/** Uploads one content, over interruptions of the connection; told of its bytes as they leave. */
export async function sendCounted(
  client: RealmClient,
  digest: Digest,
  content: Blob,
  sent: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  listeners.set(digest, sent);
  try {
    await client.upload(digest, content, { signal });
    sent(content.size);
  } finally {
    listeners.delete(digest);
  }
}

/** Which of these the node lacks. */
export async function missingOf(client: RealmClient, digests: readonly Digest[]): Promise<Set<Digest>> {
  const missing = new Set<Digest>();
  for (let at = 0; at < digests.length; at += ASKED) {
    for (const digest of await client.missing(digests.slice(at, at + ASKED))) missing.add(digest);
  }
  return missing;
}

/** Content that may have to be sent. */
export interface Content {
  readonly digest: Digest;
  readonly size: number;
  open(): ReadableStream<Uint8Array>;
}

/** Uploads what the realm lacks, in the order of the list. Each is verified by the node. */
export async function uploadMissing(
  client: RealmClient,
  all: readonly Content[],
  tell: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  const missing = await missingOf(client, all.map((b) => b.digest));
  const wanted = all.filter((b) => missing.delete(b.digest));
  const bytesOf = wanted.reduce((n, b) => n + b.size, 0);
  const sent = new Map<Digest, number>();
  let next = 0, files = 0;
  const report = () =>
    tell({ files, filesOf: wanted.length, bytes: [...sent.values()].reduce((a, b) => a + b, 0), bytesOf });
  report();
  const worker = async () => {
    while (next < wanted.length) {
      signal.throwIfAborted();
      const { digest, size, open } = wanted[next++];
      const content = await new Response(open()).blob();
      await sendCounted(client, digest, content, (n) => {
        sent.set(digest, Math.min(n, size));
        report();
      }, signal);
      files++;
      report();
    }
  };
  await Promise.all(Array.from({ length: Math.min(SIDE_BY_SIDE, wanted.length) }, worker));
}

/**
 * Uploads what the realm lacks of a package. Content is verified while it is read, too. The manifest comes last in the
 * list and makes the rest usable; nothing refers to it before the command does.
 */
export const uploadPackage = (
  client: RealmClient,
  reader: PackageReader,
  tell: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> =>
  uploadMissing(client, packageBlobs(reader).map((b) => ({ ...b, open: () => b.open() })), tell, signal);
