/** The npm packages that are in the bundle: their licences, and where the lock file pins them. */
import { RealmError } from "../agent/protocol/errors.ts";
import { DENO_VERSION } from "./table.ts";

/** A package in the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** Subresource integrity from `deno.lock`. */
  readonly integrity: string;
  /** SPDX expression, or what the package says instead. */
  readonly licence: string;
  /** Texts of its licence files. */
  readonly texts: readonly string[];
}

interface Info {
  readonly modules: readonly { readonly kind?: string; readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<
    Record<string, { name: string; version: string; dependencies: readonly string[]; localPath: string }>
  >;
}

/** Packages that `main.ts` and the dashboard under `root` reach, sorted by name and version. */
export async function packagesOf(root: string): Promise<BundledPackage[]> {
  const packages = new Map<string, BundledPackage>();
  const lock = JSON.parse(await Deno.readTextFile(`${root}/deno.lock`));
  for (const entry of ["main.ts", "ui/app/main.tsx"]) await collect(root, entry, lock, packages);
  return [...packages].sort(([a], [b]) => a < b ? -1 : 1).map(([, value]) => value);
}

async function collect(
  root: string,
  entry: string,
  lock: { readonly npm: Readonly<Record<string, { readonly integrity?: string }>> },
  packages: Map<string, BundledPackage>,
): Promise<void> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--quiet", "--json", entry],
    cwd: root,
    stderr: "null",
  }).output();
  if (!success) {
    throw new RealmError("failed", `the sources' packages cannot be listed ('deno info ${entry}' fails)`);
  }
  const info: Info = JSON.parse(new TextDecoder().decode(stdout));
  const reached = new Set(info.modules.flatMap(({ npmPackage }) => npmPackage ? [npmPackage] : []));
  for (const id of reached) {
    info.npmPackages[id]?.dependencies.forEach((dependency) => reached.add(dependency));
  }
  for (const id of reached) {
    const found = info.npmPackages[id];
    if (!found) throw new RealmError("failed", `package ${id} is used but not installed; run 'deno install'`);
    const key = `${found.name}@${found.version}`;
    const integrity = lock.npm[id]?.integrity ?? lock.npm[key]?.integrity;
    if (!integrity) throw new RealmError("failed", `deno.lock does not pin ${key}; run 'deno install'`);
    packages.set(key, {
      name: found.name,
      version: found.version,
      integrity,
      licence: await licenceOf(found.localPath),
      texts: await licenceFiles(found.localPath),
    });
  }
}

async function licenceOf(dir: string): Promise<string> {
  const manifest = JSON.parse(await Deno.readTextFile(`${dir}/package.json`));
  const licence = manifest.license ?? manifest.licenses?.[0];
  return typeof licence === "string" ? licence : licence?.type ?? "unknown";
}

async function licenceFiles(dir: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(dir)) {
    if (isFile && /^(licen[cs]e|copying|notice)/i.test(name) && !/\.(js|ts|json)$/.test(name)) {
      names.push(name);
    }
  }
  const texts = await Promise.all(names.sort().map((name) => Deno.readTextFile(`${dir}/${name}`)));
  return texts.map((text) => text.replaceAll("\r\n", "\n").trim());
}

/** The licences for people to read; equal texts once. */
export async function licenceText(packages: readonly BundledPackage[]): Promise<string> {
  const own = await Deno.readTextFile(new URL("../LICENSE", import.meta.url));
  const byText = new Map<string, string[]>();
  for (const { name, version, licence, texts } of packages) {
    const text = texts.join("\n\n") || `Licence: ${licence} (the package has no licence file)`;
    byText.set(text, [...byText.get(text) ?? [], `${name} ${version} (${licence})`]);
  }
  return [
    `Realm\n\n${own.trim()}`,
    `Deno ${DENO_VERSION} (MIT): https://github.com/denoland/deno/blob/v${DENO_VERSION}/LICENSE.md`,
    ...[...byText].map(([text, names]) => `${names.join("\n")}\n\n${text}`),
  ].join(`\n\n${"-".repeat(80)}\n\n`) + "\n";
}
