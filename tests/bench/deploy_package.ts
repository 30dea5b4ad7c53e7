/** The package that the deploy benchmark moves: a component and files that cannot be compressed, 1 MB together. */
import { createDisk, createHasher } from "../../agent/platform/mod.ts";
import { createPackage } from "../../mod.ts";

const FILES = 16;

/** Bytes of the whole, and of the file that {@link buildPackage} makes anew for each `version`. */
export const SIZES = { package: 1_000_000, changed: 8_000 } as const;

/** Bytes that look random and are the same each time. */
function noise(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let x = seed * 2_654_435_761 >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    // xorshift32 (Marsaglia 2003)
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = x >>> 0;
  }
  return bytes;
}

/** Writes `NAME-VERSION.realm` into `root` and gives its path. Only one small file and the manifest differ by version. */
export async function buildPackage(
  root: string,
  name: string,
  version: number,
  wasm: Uint8Array,
  salt = 0,
): Promise<string> {
  const folder = `${root}/${name}-${version}`;
  await Deno.mkdir(`${folder}/static`, { recursive: true });
  await Deno.writeTextFile(
    `${folder}/manifest.toml`,
    `[component]
name = "${name}"
version = "${version}.0.0"
wasm = "component.wasm"
memory_mb = 32
instance = "reuse"

[http]
route = "${name}"
static = "/www"
health = "/healthz"

[[mounts]]
kind = "static"
guest = "/www"
source = "static/"
`,
  );
  await Deno.writeFile(`${folder}/component.wasm`, wasm);
  const rest = Math.floor((SIZES.package - wasm.length - SIZES.changed) / FILES);
  for (let i = 0; i < FILES; i++) {
    await Deno.writeFile(`${folder}/static/asset-${i}.bin`, noise(rest, 1_000 * salt + i + 1));
  }
  await Deno.writeFile(
    `${folder}/static/changed.bin`,
    noise(SIZES.changed, 1_000_000 + 1_000 * salt + version),
  );
  const out = `${folder}.realm`;
  await createPackage({ disk: createDisk(), hasher: createHasher() }, folder, out, {});
  return out;
}
