/** What a file is, and as much of it as can be shown. Content is hostile: it becomes text, or the pixels of an image. */

/** How a file is shown. */
export type Preview =
  | { readonly as: "text"; readonly text: string; readonly cut: boolean }
  | { readonly as: "image"; readonly url: string }
  | { readonly as: "bytes"; readonly text: string; readonly about: string };

/** Images that browsers draw; none of them can run anything as an `img`, SVG included. */
const IMAGES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  ico: "image/x-icon",
  svg: "image/svg+xml",
};
/** Of text and bytes so much is shown: some thousand lines, drawn at once. */
export const TEXT_BYTES = 128 * 1024;
/** Larger images are not shown. */
export const IMAGE_BYTES = 4 * 1024 * 1024;
const DUMP_BYTES = 1024;

const extension = (path: string): string => /\.([a-z0-9]{1,8})$/i.exec(path)?.[1].toLowerCase() ?? "";
/** Whether a path names an image that is shown as one. */
export const isImage = (path: string, size: number): boolean =>
  Object.hasOwn(IMAGES, extension(path)) && size <= IMAGE_BYTES;
/** How many bytes of a file are needed to show it. */
export const neededBytes = (path: string, size: number): number =>
  isImage(path, size) ? size : Math.min(size, TEXT_BYTES);

function kindOf(bytes: Uint8Array): string {
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (magic === "\0asm") return bytes[4] === 0x0d ? "WebAssembly component" : "WebAssembly module";
  if (magic === "\x7fELF") return "ELF executable";
  if (magic.startsWith("PK")) return "zip archive";
  if (magic.startsWith("\x1f\x8b")) return "gzip";
  return "binary";
}

/** `00000010  61 62 …  ab…`, sixteen bytes a line. */
export function dump(bytes: Uint8Array): string {
  let out = "";
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = [...row].map((b) => b.toString(16).padStart(2, "0")).join(" ");
    const text = [...row].map((b) => b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : "·").join("");
    out += `${at.toString(16).padStart(8, "0")}  ${hex.padEnd(47)}  ${text}\n`;
  }
  return out;
}

/** Shows the beginning of a file; `bytes` holds at least {@link neededBytes}. */
export function previewOf(path: string, size: number, bytes: Uint8Array): Preview {
  if (isImage(path, size)) {
    const base64 = bytesToBase64(bytes);
    return { as: "image", url: `data:${IMAGES[extension(path)]};base64,${base64}` };
  }
  const shown = bytes.subarray(0, TEXT_BYTES), cut = size > shown.length;
  try {
    if (shown.includes(0)) throw new TypeError("not text");
    // The last character may be cut in two: then it is left out, anything else wrong is no text.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(shown, { stream: cut });
    return { as: "text", text, cut };
  } catch {
    return { as: "bytes", text: dump(bytes.subarray(0, DUMP_BYTES)), about: kindOf(bytes) };
  }
}

function bytesToBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(binary);
}

/** The first `max` bytes of a stream; the rest is not fetched. */
export async function firstBytes(stream: ReadableStream<Uint8Array>, max: number): Promise<Uint8Array> {
  const out = new Uint8Array(max);
  const reader = stream.getReader();
  let at = 0;
  while (at < max) {
    const { done, value } = await reader.read();
    if (done) return out.subarray(0, at);
    out.set(value.subarray(0, max - at), at);
    at = Math.min(max, at + value.length);
  }
  // To its end where that is at hand: whoever sees the end has seen verified bytes.
  void reader.cancel().catch(() => {});
  return out;
}
