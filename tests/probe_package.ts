/** A package of the probe component, for tests that ask a real app. */
import { buildWasmFixtures } from "./fixtures/build.ts";

/** Writes it as a folder; `VERSION` in its environment tells the version. */
export async function probePackage(root: string, app: string, version: string): Promise<string> {
  const { probe } = await buildWasmFixtures();
  const dir = `${root}/${app}-${version}`;
  await Deno.mkdir(dir);
  await Deno.copyFile(probe, `${dir}/component.wasm`);
  await Deno.writeTextFile(
    `${dir}/manifest.toml`,
    `[component]
name = "${app}"
version = "${version}"
wasm = "component.wasm"
memory_mb = 32
timeout_seconds = 60
instance = "reuse"
[env]
VERSION = "${version}"
[http]
route = "${app}"
health = "/count"
`,
  );
  return dir;
}
