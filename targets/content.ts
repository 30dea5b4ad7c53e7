/** What a portable file bears, read without starting it: for platforms that this machine cannot start. */
import { createHash } from "node:crypto";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { unpackTar } from "modern-tar";
import { EXECUTABLE_HEADER_BYTES, portableHeader } from "../agent/protocol/executable.ts";
import { RealmError } from "../agent/protocol/errors.ts";
import { hasIntegrity } from "./runtime.ts";
import type { Target } from "./table.ts";
import { STUB_SIZE } from "./windows/stub.ts";

/** What {@link contentOf} found. */
export interface Content {
  readonly version: string;
  /** Of the program: number of files, and the SHA-256 of their names and texts in order. */
  readonly files: number;
  readonly digest: string;
}

/** The first bytes of every gzip file with DEFLATE (RFC 1952). */
const GZIP = [0x1f, 0x8b, 0x08];

/**
 * Reads a portable file for a target. Throws `RealmError("bad_release")` when it is another kind of file, for another
 * platform, or without the runtime's package as the registry published it.
 */
export async function contentOf(target: Target, file: Uint8Array): Promise<Content> {
  const refuse = (what: string): never => {
    throw new RealmError("bad_release", `the file for ${target.platform} ${what}`);
  };
  const header = portableHeader(file.subarray(0, EXECUTABLE_HEADER_BYTES));
  if (header?.platform !== target.platform) return refuse("does not say that it is one");
  const runtimeAt = gzipStarts(file).find((at) => hasIntegrity(file.subarray(at), target.integrity));
  if (runtimeAt === undefined) return refuse(`does not end with ${target.npmPackage} as it was published`);
  const program = file.subarray(0, runtimeAt);
  const files = target.uname ? scripted(program) : await packed(program);
  if (files === undefined) return refuse("has no program");
  const digest = createHash("sha256").update(JSON.stringify(files)).digest("hex");
  return { version: header.version, files: files.length, digest };
}

type Files = readonly (readonly [name: string, text: string])[];

/** Places where a gzip file may begin, last first. */
function gzipStarts(file: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = file.indexOf(GZIP[0]); at >= 0; at = file.indexOf(GZIP[0], at + 1)) {
    if (file[at + 1] === GZIP[1] && file[at + 2] === GZIP[2]) found.push(at);
  }
  return found;
}

/** The program behind a prelude: a module with the files inside, see `archive()`. */
function scripted(program: Uint8Array): Files | undefined {
  const base64 = /const packed="([^"]+)";/.exec(new TextDecoder().decode(program))?.[1];
  if (base64 === undefined) return undefined;
  return Object.entries(JSON.parse(brotliDecompressSync(Uint8Array.fromBase64(base64)).toString()));
}

/** The program behind a stub: a tar. */
async function packed(program: Uint8Array): Promise<Files> {
  const entries = await unpackTar(gunzipSync(program.subarray(STUB_SIZE)));
  return entries.map(({ header, data }) => [header.name, new TextDecoder().decode(data)]);
}
