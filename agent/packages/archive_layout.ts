/**
 * The one tar form of a package file. Every byte of it follows from the manifest (and the signature's length): the
 * order of entries, each header, each padding. A reader therefore never interprets a header, it compares it with the
 * only one that may stand there; links, devices, sparse files, PAX overrides and whatever else a tar can say have no
 * way in. That is why headers are made here: an upgrade of a library must not change what a valid package is.
 *
 * Form (POSIX.1-1988 ustar, readable by every tar): `manifest.toml`, then `signature.json` if there is one, then the
 * inventory in its order; regular files, mode 0644, owner 0, time 0; a path over 100 bytes is preceded by a PAX
 * header with that path alone; two zero blocks end it.
 */
import { concatBytes, fromUtf8, utf8 } from "../protocol/encoding.ts";
import { limits } from "../protocol/limits.ts";
import type { PackageFile } from "../protocol/package_manifest.ts";

/** Tar's unit. */
export const BLOCK = 512;
/** Length of the end mark. */
export const END_BYTES = 2 * BLOCK;

const NAME_BYTES = 100;

/** Zero bytes that follow content of `size` bytes. */
export const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

/** What headers of packages never say. */
interface BlockMore {
  readonly executable?: boolean | undefined;
  readonly link?: Uint8Array;
  readonly time?: number;
}

function block(
  name: Uint8Array,
  size: number,
  type: "0" | "2" | "5" | "x",
  more: BlockMore = {},
): Uint8Array {
  const { executable = type === "5", link, time = 0 } = more;
  const out = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => out.set(utf8(text), at);
  out.set(name, 0);
  put(100, executable ? "0000755\0" : "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, size.toString(8).padStart(11, "0") + "\0");
  put(136, time.toString(8).padStart(11, "0") + "\0");
  put(148, "        ");
  put(156, type);
  if (link) out.set(link, 157);
  put(257, "ustar\0");
  put(263, "00");
  const sum = out.reduce((a, b) => a + b, 0);
  put(148, sum.toString(8).padStart(6, "0") + "\0 ");
  return out;
}

/** The first bytes of a name that fit the name field, not cutting a character. */
function cutName(name: Uint8Array): Uint8Array {
  let end = NAME_BYTES;
  while (end > 0 && (name[end] & 0xc0) === 0x80) end--;
  return name.subarray(0, end);
}

/** A PAX record: its length counts itself. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = utf8(` ${key}=${value}\n`);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return concatBytes(utf8(String(length)), rest);
}

/** The header bytes of a directory, as archives of trees (not packages) have them. */
export const directoryHeader = (path: string): Uint8Array => header(`${path}/`, 0, "5");

/** The header bytes of a regular file; its length is a multiple of {@link BLOCK}. */
export const entryHeader = (path: string, size: number): Uint8Array => header(path, size, "0");

/** An entry of an archive that keeps what build tools look at. */
export interface TreeEntry {
  /** A directory's ends with a slash. */
  readonly path: string;
  readonly kind: "file" | "directory" | "link";
  readonly size: number;
  readonly executable?: boolean;
  /** What a link says. */
  readonly link?: string;
  /** Seconds since 1970. */
  readonly modifiedAt: number;
}

/** The header bytes of an entry of such an archive. */
export function treeHeader({ path, kind, size, executable, link = "", modifiedAt }: TreeEntry): Uint8Array {
  const type = ({ file: "0", directory: "5", link: "2" } as const)[kind];
  const time = Math.min(modifiedAt, 0o77777777777);
  const [name, linkName] = [utf8(path), utf8(link)];
  const records = [
    ...(name.length > NAME_BYTES ? [paxRecord("path", path)] : []),
    ...(linkName.length > NAME_BYTES ? [paxRecord("linkpath", link)] : []),
  ];
  const plain = block(cutName(name), size, type, { executable, link: cutName(linkName), time });
  if (records.length === 0) return plain;
  const said = concatBytes(...records);
  return concatBytes(
    block(utf8("PaxHeader"), said.length, "x"),
    said,
    new Uint8Array(paddingOf(said.length)),
    plain,
  );
}

/** The header bytes of a program, as archives of trees (not packages) have them. */
export const executableHeader = (path: string, size: number): Uint8Array => header(path, size, "0", true);

function header(path: string, size: number, type: "0" | "5", executable?: boolean): Uint8Array {
  if (!Number.isSafeInteger(size) || size < 0 || size > limits.packageFileBytes) {
    throw new RangeError(`no tar header can hold the size ${size}`);
  }
  const name = utf8(path);
  if (name.length <= NAME_BYTES) return block(name, size, type, { executable });
  const record = paxRecord("path", path);
  return concatBytes(
    block(utf8("PaxHeader"), record.length, "x"),
    record,
    new Uint8Array(paddingOf(record.length)),
    block(cutName(name), size, type, { executable }),
  );
}

/** Bytes that an entry takes: header, content, padding. */
export const entryBytes = (path: string, size: number): number =>
  entryHeader(path, size).length + size + paddingOf(size);

/** Where an entry stands in the archive. */
export interface EntryPlace {
  readonly path: string;
  readonly size: number;
  /** Offset of its header. */
  readonly start: number;
  /** Offset of its content. */
  readonly content: number;
  /** Offset after its padding. */
  readonly end: number;
}

/** Places of `files` in an archive, the first at `start`; the archive ends {@link END_BYTES} after the last. */
export function placesOf(files: readonly PackageFile[], start: number): readonly EntryPlace[] {
  let at = start;
  return files.map(({ path, size }) => {
    const content = at + entryHeader(path, size).length;
    const place = { path, size, start: at, content, end: content + size + paddingOf(size) };
    at = place.end;
    return place;
  });
}

/** What a header block says, for messages about archives that are not in the form: never to be acted upon. */
export function glance(
  header: Uint8Array,
): { readonly name: string; readonly size: number; readonly kind: string } {
  const field = (at: number, length: number) => {
    const raw = header.subarray(at, at + length), end = raw.indexOf(0);
    const bytes = end < 0 ? raw : raw.subarray(0, end);
    try {
      return fromUtf8(bytes);
    } catch {
      return String.fromCharCode(...bytes);
    }
  };
  const kinds: Readonly<Record<string, string>> = {
    "0": "file",
    "\0": "file",
    "1": "hard link",
    "2": "symbolic link",
    "3": "device",
    "4": "device",
    "5": "directory",
    "6": "pipe",
    "x": "PAX header",
    "g": "global PAX header",
    "L": "GNU long name",
    "K": "GNU long link",
    "S": "sparse file",
  };
  const size = field(124, 12).trim();
  const prefix = field(345, 155);
  return {
    name: prefix && field(257, 5) === "ustar" ? `${prefix}/${field(0, 100)}` : field(0, 100),
    size: /^[0-7]{1,12}$/.test(size) ? parseInt(size, 8) : NaN,
    kind: kinds[String.fromCharCode(header[156])] ?? "entry of unknown kind",
  };
}
