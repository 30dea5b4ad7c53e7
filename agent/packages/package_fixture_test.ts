/** A small real package on disk, for tests. */
import { createDisk } from "../platform/disk.ts";
import { createHasher } from "../platform/hash.ts";
import { utf8 } from "../protocol/encoding.ts";
import type { PackageWorld } from "./content.ts";

/** The real doors. */
export const realWorld = (): PackageWorld => ({ disk: createDisk(), hasher: createHasher() });

/** A manifest that uses every kind of mount. */
export const MANIFEST = `# The author's own comment stays.
[component]
name = "demo"
version = "1.0.0"
wasm = "component.wasm"   # built by make

[http]
static = "/www"

[[mounts]]
kind = "static"
guest = "/www"
source = "static/"

[[mounts]]
kind = "config"
guest = "/etc/app"
source = "config"

[[mounts]]
kind = "work"
guest = "/tmp"
size_mb = 2

[[mounts]]
kind = "state"
guest = "/data"
volume = "app-data"
seed = "seed-data/"
`;

/** Files of the package, by path. */
export const FILES: Readonly<Record<string, string | Uint8Array>> = {
  "manifest.toml": MANIFEST,
  "component.wasm": Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
  "config/app.toml": "a = 1\n",
  "seed-data/db/first.txt": "seed",
  "seed-data/second.txt": "",
  "static/Übersicht.html": "<p>ü</p>",
  "static/index.html": "<h1>1</h1>",
  [`static/${"long".repeat(40)}/${"x".repeat(120)}.txt`]: "deep",
  "static/big.bin": new Uint8Array(200_000).map((_, i) => i * 7),
};

/** Writes files below `root`, with their directories. */
export async function writeFiles(
  root: string,
  files: Readonly<Record<string, string | Uint8Array>> = FILES,
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const host = `${root}/${path}`;
    await Deno.mkdir(host.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeFile(host, typeof content === "string" ? utf8(content) : content);
  }
}

/** Runs `body` with a directory of its own, which is removed afterwards. */
export async function inTemporaryDirectory<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = await Deno.makeTempDir({ prefix: "realm-packages-" });
  try {
    return await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
