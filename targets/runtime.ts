/**
 * The Deno runtime of a platform from the npm registry: fetched by the npm client where there is one, else over
 * HTTPS; checked against the integrity in the table in either case, and kept in `.cache/runtimes`.
 */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { executablePlatform } from "../agent/protocol/executable.ts";
import { RealmError } from "../agent/protocol/errors.ts";
import { DENO_VERSION, type Target } from "./table.ts";

/** A runtime as it goes into a portable file. */
export interface Runtime {
  /** The package's tarball, gzip'ed, byte for byte as published. */
  readonly tarball: Uint8Array<ArrayBuffer>;
  /** Where the executable begins in the unpacked tar. */
  readonly offset: number;
  /** Its length. */
  readonly size: number;
  /** Its SHA-256, hexadecimal. */
  readonly sha256: string;
  /** The executable itself. */
  readonly executable: Uint8Array;
}

/** Whether `bytes` have the given subresource integrity (`sha512-…`). */
export function hasIntegrity(bytes: Uint8Array, integrity: string): boolean {
  return `sha512-${createHash("sha512").update(bytes).digest("base64")}` === integrity;
}

/** Finds a regular file in a tar (ustar). Throws when it is not there. */
export function findInTar(tar: Uint8Array, name: string): { offset: number; size: number } {
  const text = (at: number, length: number) =>
    new TextDecoder().decode(tar.subarray(at, at + length)).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const size = parseInt(text(at + 124, 12).trim(), 8);
    if (!Number.isSafeInteger(size) || size < 0) break;
    if (text(at, 100) === name && at + 512 + size <= tar.length) return { offset: at + 512, size };
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new RealmError("bad_package", `the runtime's package has no ${name}`);
}

/** Opens a tarball: finds the runtime in it and checks that it is for the target's platform. */
export function openRuntime(target: Target, tarball: Uint8Array<ArrayBuffer>): Runtime {
  const tar = gunzipSync(tarball);
  const { offset, size } = findInTar(tar, target.entry);
  const executable = tar.subarray(offset, offset + size);
  const platform = executablePlatform(executable);
  if (platform !== target.platform) {
    throw new RealmError(
      "bad_package",
      `${target.npmPackage} holds an executable for ${
        platform ?? "no known platform"
      }, not ${target.platform}`,
    );
  }
  const sha256 = createHash("sha256").update(executable).digest("hex");
  return { tarball, offset, size, sha256, executable };
}

/** The runtime of a target; downloads it once. Throws `RealmError("unreachable" | "bad_digest" | "bad_package")`. */
export async function runtimeOf(target: Target, cacheDir: string): Promise<Runtime> {
  const path = `${cacheDir}/${
    target.npmPackage.replace(/^@|\//g, (c) => c === "/" ? "-" : "")
  }-${DENO_VERSION}.tgz`;
  const cached = await Deno.readFile(path).catch(() => undefined);
  if (cached && hasIntegrity(cached, target.integrity)) return openRuntime(target, cached);
  const tarball = await download(target);
  if (!hasIntegrity(tarball, target.integrity)) {
    throw new RealmError(
      "bad_digest",
      `${target.npmPackage}@${DENO_VERSION} came with other content than the table's integrity says; nothing was built from it`,
    );
  }
  await Deno.mkdir(cacheDir, { recursive: true });
  await Deno.writeFile(`${path}.new`, tarball);
  await Deno.rename(`${path}.new`, path);
  return openRuntime(target, tarball);
}

async function download(target: Target): Promise<Uint8Array<ArrayBuffer>> {
  const spec = `${target.npmPackage}@${DENO_VERSION}`;
  const dir = await Deno.makeTempDir();
  try {
    // The npm client knows the machine's registry, proxy and credentials.
    const { success, stdout } = await new Deno.Command("npm", {
      args: ["pack", "--silent", "--pack-destination", dir, spec],
      stderr: "null",
    }).output();
    const file = new TextDecoder().decode(stdout).trim().split("\n").at(-1);
    if (success && file) return await Deno.readFile(`${dir}/${file}`);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
  const registry = (Deno.env.get("NPM_CONFIG_REGISTRY") ?? "https://registry.npmjs.org").replace(/\/$/, "");
  const url = `${registry}/${target.npmPackage}/-/${target.npmPackage.split("/")[1]}-${DENO_VERSION}.tgz`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(600_000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return await response.bytes();
  } catch (cause) {
    throw new RealmError(
      "unreachable",
      `the runtime ${spec} cannot be downloaded from ${registry}; check the network`,
      {
        cause,
      },
    );
  }
}
