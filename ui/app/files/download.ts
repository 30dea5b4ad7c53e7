/** Saving content to this machine, verified while it comes. */
import { type RealmClient, RealmError } from "../../../mod.ts";
import { hasher } from "./package_world.ts";

/** Up to this it is held by the browser and saved as one; larger content goes straight to the disk where that can be. */
const HELD_BYTES = 256 * 1024 * 1024;

/** Gives content a name and hands it to the browser's downloads. */
export function saveAs(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

interface Picker {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<{
    createWritable(): Promise<WritableStream<Uint8Array>>;
  }>;
}

/** Fetches a blob and saves it; nothing is saved of content that is not what its digest says. */
export async function download(
  client: RealmClient,
  digest: string,
  name: string,
  size: number,
  tell: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const pick = (globalThis as Picker).showSaveFilePicker;
  const out = size > HELD_BYTES && pick
    ? await (await pick({ suggestedName: name })).createWritable()
    : undefined;
  const hash = hasher.sha256();
  let bytes = 0;
  const checked = (await client.readBlob(digest, signal)).pipeThrough(
    new TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>({
      transform(piece, controller) {
        hash.update(piece);
        tell(bytes += piece.length);
        controller.enqueue(piece as Uint8Array<ArrayBuffer>);
      },
      flush() {
        if (hash.digest() !== digest) {
          throw new RealmError("bad_digest", "the content is not what its digest says; try again");
        }
      },
    }),
  );
  // Closing makes the file; an error before it leaves none.
  if (out) return await checked.pipeTo(out, { signal });
  saveAs(await new Response(checked).blob(), name);
}
