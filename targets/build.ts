/**
 * `deno task build`: the executables into `dist/`, with `SHA256SUMS`, `release.json`, `sbom.cdx.json`, and with a key
 * `release.signed.json`. See {@link USAGE}.
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { EXECUTABLE_HEADER_BYTES, executablePlatform } from "../agent/protocol/executable.ts";
import { parseKeyFile } from "../agent/protocol/key_file.ts";
import { parseGrantFile } from "../agent/protocol/data_dir.ts";
import type { Envelope } from "../agent/protocol/envelope.ts";
import { RealmError, unwrap } from "../agent/protocol/errors.ts";
import {
  formatSignedRelease,
  type ReleaseArtifact,
  releaseManifest,
  signRelease,
  VersionSchema,
} from "../agent/protocol/release.ts";
import { utf8 } from "../agent/protocol/encoding.ts";
import { signerOfKeyFile } from "../mod.ts";
import installer from "./install.sh" with { type: "text" };
import config from "../deno.json" with { type: "json" };
import { type Bundle, bundle } from "./bundle.ts";
import { compile, compileRuntime } from "./compiled.ts";
import { packagesOf } from "./packages.ts";
import { portable } from "./portable.ts";
import { checksums } from "./release.ts";
import { runtimeOf } from "./runtime.ts";
import { billOfMaterials } from "./sbom.ts";
import { missingCompiler } from "./windows/stub.ts";
import { windowsPortable } from "./windows/portable.ts";
import { artifactName, DENO_VERSION, hostTarget, type Target, targetOf, targets } from "./table.ts";

const USAGE = `deno task build [OPTIONS]
  --target PLATFORM        build for this platform only (repeat for more); default: all that can be built
  --version VERSION        default: the version in deno.json
  --out DIR                default: dist
  --compile-runtime DIR    build by 'deno compile' with the official archives denort-<triple>.zip in DIR
  --key FILE               sign the release manifest with this owner's or admin's key file, whose grants lie
                           beside it as NAME.grants.json (sealed: REALM_PASSPHRASE)
  --min-previous VERSION   lowest version that may be upgraded to this one
  --expires-days DAYS      after so many days the release is not installed any more`;

const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** What was done for one target. */
interface Built {
  readonly artifact: ReleaseArtifact;
  /** What its `--version` said here; why it was not started here otherwise. */
  readonly check: string;
}

function options(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        target: { type: "string", multiple: true },
        version: { type: "string", default: config.version },
        out: { type: "string", default: "dist" },
        "compile-runtime": { type: "string" },
        key: { type: "string" },
        "min-previous": { type: "string" },
        "expires-days": { type: "string" },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (cause) {
    throw new RealmError("usage", `${cause instanceof Error ? cause.message : cause}\n${USAGE}`);
  }
}

async function write(path: string, content: Uint8Array, mode = 0o644): Promise<void> {
  await Deno.remove(path).catch(() => {});
  await Deno.writeFile(path, content, { mode });
  await Deno.chmod(path, mode).catch(() => {}); // The creation mask may have taken bits; Windows has none.
}

async function build(
  target: Target,
  version: string,
  app: Bundle,
  out: string,
  archives?: string,
): Promise<Built> {
  const file = artifactName(target, version);
  const path = `${out}/${file}`;
  const archive = await compileRuntime(target, archives);
  if (archive === undefined) {
    const runtime = await runtimeOf(target, `${root}/.cache/runtimes`);
    const make = target.uname ? portable : windowsPortable;
    await write(path, await make(target, version, app, runtime), 0o755);
  } else {
    await Deno.remove(path).catch(() => {});
    await compile(target, app, archive, path);
  }
  const content = await Deno.readFile(path);
  const platform = executablePlatform(content.subarray(0, EXECUTABLE_HEADER_BYTES));
  if (platform !== target.platform) {
    await Deno.remove(path);
    throw new RealmError(
      "failed",
      `the file for ${target.platform} came out as one for ${
        platform ?? "no known platform"
      }; it was removed`,
    );
  }
  const sha256 = createHash("sha256").update(content).digest("hex");
  const builder = archive === undefined ? "portable" : "compile";
  return {
    artifact: { platform, file, sha256, size: content.length, builder },
    check: target === hostTarget()
      ? await started(path, version)
      : "header checked; not started (another platform)",
  };
}

/** Why a target cannot be built here; `undefined` when it can. */
async function missingFor(target: Target, archives?: string): Promise<string | undefined> {
  if (target.uname || await compileRuntime(target, archives)) return undefined;
  const missing = await missingCompiler();
  return missing && `${target.platform} is not built: ${missing}; or give the compile runtime ` +
      `denort-${target.triple}.zip (--compile-runtime DIR)`;
}

/** Starts a file once, with a cache of its own. */
async function started(path: string, version: string): Promise<string> {
  const cache = await Deno.makeTempDir({ prefix: "realm-build-" });
  try {
    const { code, stdout, stderr } = await new Deno.Command(path, {
      args: ["--version"],
      env: { REALM_CACHE_DIR: cache },
    }).output();
    const said = new TextDecoder().decode(stdout).trim();
    if (code === 0 && said === `realm ${version}`) return "header checked; --version run";
    await Deno.remove(path);
    throw new RealmError(
      "failed",
      `${path} was removed: its --version ended with ${code} and said ${JSON.stringify(said)}: ${
        new TextDecoder().decode(stderr)
      }`,
    );
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

function passphrase(): string {
  const given = Deno.env.get("REALM_PASSPHRASE");
  if (given !== undefined) return given;
  throw new RealmError("usage", "the key file is sealed; give its passphrase in REALM_PASSPHRASE");
}

/** Grants of an operator key, as `realm key` writes them beside it; an owner's needs none. */
async function grantsBeside(path: string, kind: string): Promise<readonly Envelope[]> {
  if (kind === "owner") return [];
  const file = path.replace(/\.key$/, "") + ".grants.json";
  try {
    return unwrap(parseGrantFile(await Deno.readTextFile(file))).grants;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new RealmError("usage", `${file} is missing: without its grants no node believes this key`);
  }
}

/** Builds. Throws `RealmError`. */
export async function main(args: readonly string[]): Promise<void> {
  const given = options(args);
  if (given.help) return console.log(USAGE);
  if (Deno.version.deno !== DENO_VERSION) {
    throw new RealmError(
      "usage",
      `Realm is built with Deno ${DENO_VERSION}, so that equal sources give equal files; this is ${Deno.version.deno}`,
    );
  }
  const { version } = given;
  if (!v.is(VersionSchema, version)) {
    throw new RealmError("usage", `${version} is no version; use one like 1.2.3 or 1.2.3-rc.1`);
  }
  const days = given["expires-days"] === undefined ? undefined : Number(given["expires-days"]);
  if (days !== undefined && !(days > 0)) throw new RealmError("usage", "--expires-days is a number above 0");
  const key = given.key === undefined
    ? undefined
    : unwrap(parseKeyFile(await Deno.readTextFile(given.key), given.key));
  if (key?.kind === "node") {
    throw new RealmError("usage", `${given.key} is a node's key; give an owner's or admin's`);
  }
  const signer = key && await signerOfKeyFile(key, passphrase);
  const wanted = given.target?.map(targetOf) ?? targets;
  const out = given.out;
  await Deno.mkdir(out, { recursive: true });
  const app = await bundle(root, version);
  const size = [...app.values()].reduce((sum, text) => sum + utf8(text).length, 0);
  console.log(`bundle: ${app.size} files, ${(size / 1e6).toFixed(2)} MB`);

  const built: Built[] = [];
  const not: string[] = [];
  for (const target of wanted) {
    const missing = await missingFor(target, given["compile-runtime"]);
    if (missing && given.target) throw new RealmError("failed", missing);
    if (missing) {
      not.push(missing);
      continue;
    }
    const done = await build(target, version, app, out, given["compile-runtime"]);
    built.push(done);
    const { file, size, builder } = done.artifact;
    console.log(`${target.platform}: ${file}, ${(size / 1e6).toFixed(1)} MB, by ${builder}; ${done.check}`);
  }
  for (const line of not) console.log(line);

  const artifacts = built.map(({ artifact }) => artifact);
  const manifest = releaseManifest(version, artifacts, {
    minPrevious: given["min-previous"],
    expires: days === undefined ? undefined : Date.now() + days * 24 * 3_600_000,
  });
  const bill = utf8(
    billOfMaterials(
      version,
      await packagesOf(root),
      wanted.filter((t) => artifacts.some(({ platform }) => platform === t.platform)),
    ),
  );
  const signed = signer && signRelease(manifest, signer, await grantsBeside(given.key!, key!.kind));
  await write(`${out}/SHA256SUMS`, utf8(checksums(artifacts)));
  await write(`${out}/release.json`, utf8(JSON.stringify(manifest, null, 2) + "\n"));
  await write(`${out}/sbom.cdx.json`, bill);
  await write(`${out}/install.sh`, utf8(installer), 0o755);
  if (signed) await write(`${out}/release.signed.json`, utf8(formatSignedRelease(signed)));
  else await Deno.remove(`${out}/release.signed.json`).catch(() => {});
  console.log(
    `${out}: SHA256SUMS, release.json (${
      signed ? `signed by ${signed.envelope.keyid}` : "not signed: give --key"
    }), sbom.cdx.json, install.sh`,
  );
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    if (!(error instanceof RealmError)) throw error;
    console.error(`build: ${error.message}`);
    Deno.exit(1);
  }
}
