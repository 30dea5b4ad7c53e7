/**
 * The portable single file for Windows: a stub, the program, and the runtime's package as published. It lives as the one
 * with a shell prelude does: unpacks once into a cache directory and starts the runtime from there.
 */
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { ALL_PERMISSIONS, BUNDLE_ENVIRONMENT, BUNDLE_FLAGS } from "../../agent/platform/mod.ts";
import { concatBytes, utf8 } from "../../agent/protocol/encoding.ts";
import { RealmError } from "../../agent/protocol/errors.ts";
import { PORTABLE_MARK } from "../../agent/protocol/executable.ts";
import { type Bundle, MAIN } from "../bundle.ts";
import { cacheId, sha256 } from "../portable.ts";
import type { Runtime } from "../runtime.ts";
import type { Target } from "../table.ts";
import { stub, STUB_SIZE } from "./stub.ts";

/** Longest path in the tar that the stub reads. */
const PATH_BYTES = 100;
/** Bytes behind the compressed part of a gzip file: checksum and length. */
const GZIP_END = 8;

/** The bundle's files as a tar that depends on content alone. */
export async function archiveTar(bundle: Bundle): Promise<Uint8Array<ArrayBuffer>> {
  return Uint8Array.from(
    await packTar([...bundle].map(([name, text]) => {
      if (!/^[\x21-\x7e]+$/.test(name) || name.length > PATH_BYTES) {
        throw new RealmError("bad_request", `the stub for Windows cannot unpack a file named ${name}`);
      }
      const body = utf8(text);
      return { header: { name, size: body.length, mode: 0o644, mtime: new Date(0) }, body };
    })),
  );
}

/** Where the compressed part of a gzip file begins (RFC 1952, section 2.3). */
export function deflateOffset(gzip: Uint8Array): number {
  const [FHCRC, FEXTRA, FNAME, FCOMMENT] = [2, 4, 8, 16];
  const flags = gzip[3];
  if (gzip[0] !== 0x1f || gzip[1] !== 0x8b || gzip[2] !== 8) {
    throw new RealmError("bad_package", "the runtime's package is no gzip file");
  }
  let at = 10;
  if (flags & FEXTRA) at += 2 + gzip[at] + gzip[at + 1] * 256;
  for (const flag of [FNAME, FCOMMENT]) if (flags & flag) at = gzip.indexOf(0, at) + 1;
  return flags & FHCRC ? at + 2 : at;
}

/** The portable file. Throws `RealmError("failed")` with the compiler's words. */
export async function windowsPortable(
  target: Target,
  version: string,
  bundle: Bundle,
  runtime: Runtime,
): Promise<Uint8Array> {
  const tar = await archiveTar(bundle);
  const app = gzipSync(tar, { level: 9 });
  const appSha = sha256(tar);
  const place = (at: number, gzip: Uint8Array) => {
    const skip = deflateOffset(gzip);
    return [at + skip, gzip.length - skip - GZIP_END];
  };
  const [appAt, appPacked] = place(STUB_SIZE, app);
  const [runtimeAt, runtimePacked] = place(STUB_SIZE + app.length, runtime.tarball);
  const start = await stub(target, {
    texts: {
      MAIN: MAIN.replaceAll("/", "\\"),
      FLAGS: [...BUNDLE_FLAGS, ...ALL_PERMISSIONS].join(" "),
      RUNTIME_ID: cacheId(runtime.sha256),
      APP_ID: cacheId(appSha),
    },
    bytes: {
      MARK: `${PORTABLE_MARK} ${version} ${target.platform}`,
      RUNTIME_SHA: runtime.sha256,
      APP_SHA: appSha,
    },
    numbers: {
      APP_AT: appAt,
      APP_PACKED: appPacked,
      APP_SIZE: tar.length,
      RUNTIME_AT: runtimeAt,
      RUNTIME_PACKED: runtimePacked,
      RUNTIME_SKIP: runtime.offset,
      RUNTIME_SIZE: runtime.size,
      TOTAL: STUB_SIZE + app.length + runtime.tarball.length,
    },
    environment: BUNDLE_ENVIRONMENT,
  });
  return concatBytes(start, app, runtime.tarball);
}
