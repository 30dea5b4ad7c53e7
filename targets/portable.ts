/**
 * The portable single file for Linux and macOS (`windows/` has the one for Windows): a shell prelude, the program, and the runtime's package as published.
 * Same bundle and runtime, same bytes. The runtime's signature (macOS) stays as it is, since it is not changed.
 */
import { createHash } from "node:crypto";
import { brotliCompressSync, constants } from "node:zlib";
import { ALL_PERMISSIONS, BUNDLE_ENVIRONMENT, BUNDLE_FLAGS } from "../agent/platform/mod.ts";
import { concatBytes, utf8 } from "../agent/protocol/encoding.ts";
import { RealmError } from "../agent/protocol/errors.ts";
import { PORTABLE_MARK } from "../agent/protocol/executable.ts";
import { type Bundle, MAIN } from "./bundle.ts";
import type { Runtime } from "./runtime.ts";
import type { Target } from "./table.ts";
import prelude from "./prelude.sh" with { type: "text" };

/** SHA-256 in hexadecimal digits. */
export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** What names a directory of the cache: 96 bits of its content's digest. */
export const cacheId = (digest: string): string => digest.slice(0, 24);

/** Brotli's quality: a step above what is quick, most of what is possible. */
const QUALITY = 9;

/** The program as one module that writes the bundle's files, packed inside it, under the directory of its first argument. */
export function archive(bundle: Bundle): Uint8Array {
  const files = utf8(JSON.stringify(Object.fromEntries(bundle)));
  const packed = brotliCompressSync(files, {
    params: { [constants.BROTLI_PARAM_QUALITY]: QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: files.length },
  });
  return utf8(
    `import{brotliDecompressSync as d}from"node:zlib";` +
      `const packed="${packed.toString("base64")}";` +
      "const files=JSON.parse(d(Uint8Array.fromBase64(packed)).toString());" +
      "const [dir]=Deno.args;" +
      "for(const [name,text] of Object.entries(files)){const path=dir+'/'+name;" +
      "Deno.mkdirSync(path.slice(0,path.lastIndexOf('/')),{recursive:true});" +
      "const file=Deno.openSync(path,{write:true,createNew:true});const bytes=new TextEncoder().encode(text);" +
      "for(let at=0;at<bytes.length;)at+=file.writeSync(bytes.subarray(at));file.syncDataSync();file.close();}\n",
  );
}

/** The portable file. Throws `RealmError("bad_request")` for a target without a shell. */
export function portable(target: Target, version: string, bundle: Bundle, runtime: Runtime): Uint8Array {
  const { uname } = target;
  if (!uname) {
    throw new RealmError("bad_request", `${target.platform} has no shell that could start a portable file`);
  }
  const app = archive(bundle);
  const appSha = sha256(app);
  const environment = Object.entries(BUNDLE_ENVIRONMENT);
  const fixed: Record<string, string> = {
    MARK: `${PORTABLE_MARK} ${version} ${target.platform}`,
    PLATFORM: target.platform,
    SYSTEM: uname.system,
    MACHINES: uname.machines.join("|"),
    MAIN,
    FLAGS: [...BUNDLE_FLAGS, ...ALL_PERMISSIONS].join(" "),
    ENVIRONMENT: environment.map(([name, value]) => `${name}=${value}`).join(" "),
    ENVIRONMENT_NAMES: environment.map(([name]) => name).join(" "),
    RUNTIME_ID: cacheId(runtime.sha256),
    RUNTIME_SHA: runtime.sha256,
    RUNTIME_SIZE: String(runtime.size),
    RUNTIME_SKIP: String(runtime.offset + 1),
    APP_ID: cacheId(appSha),
    APP_SHA: appSha,
    APP_SIZE: String(app.length),
  };
  // The prelude names offsets that depend on its own length: repeat until it no longer changes.
  let start = utf8(prelude);
  for (let length = -1; length !== start.length;) {
    length = start.length;
    start = utf8(fill(prelude, {
      ...fixed,
      APP_AT: String(length + 1),
      RUNTIME_AT: String(length + app.length + 1),
      TOTAL: String(length + app.length + runtime.tarball.length),
    }));
  }
  return concatBytes(start, app, runtime.tarball);
}

function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/@([A-Z_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the prelude names ${name}, which has no value`);
    return value;
  });
}
