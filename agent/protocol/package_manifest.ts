/**
 * The manifest of a package: what an app is, what it needs and which files it has. One text, parsed the same way by
 * the CLI, by every node and by the dashboard. The package's digest is the SHA-256 of this text's bytes; since it
 * lists every file with its digest, it covers every byte of the package.
 */

import { type Digest, digestOf } from "./identity.ts";
import { limits } from "./limits.ts";
import { manifestProblems } from "./package_checks.ts";
import { type PackageManifest, PackageManifestSchema } from "./package_schema.ts";
import { parseRoute, type Route, showRoute } from "./routes.ts";
import type { AppSpec } from "./app_spec.ts";
import { parseToml, type TomlResult } from "./toml.ts";

/** One file of a package. */
export interface PackageFile {
  /** Relative, `/`-separated, in normal form C. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** SHA-256 of the content. */
  readonly sha256: Digest;
}

/** What runs. */
export interface AppComponent {
  /** Path inside the package. */
  readonly wasm: string;
  /** SHA-256 of that file; empty only in a manifest that has no inventory yet. */
  readonly sha256: Digest;
  /** Linear memory ceiling of one instance, in MiB. */
  readonly memoryMb: number;
  /** Requests in work at once. */
  readonly maxConcurrency: number;
  /** Wall-clock limit of one request or of a whole command. */
  readonly timeoutMs: number;
  /** A fresh instance for every request, or one kept warm. */
  readonly instance: "per_request" | "reuse";
  /** Arguments of a command. */
  readonly args: readonly string[];
}

/** A caching rule for static files. */
export interface CacheRule {
  /** Path pattern; `*` stands for any run of characters, slashes included. The first rule that fits applies. */
  readonly path: string;
  /** `max-age` of `cache-control`. */
  readonly maxAgeSeconds: number;
  /** Whether it never changes under its name. */
  readonly immutable: boolean;
}

/** Static files that the gateway serves before it asks the component. */
export interface AppStatic {
  /** Guest path of the static mount. */
  readonly guest: string;
  /** Directory inside the package, no trailing slash. */
  readonly source: string;
  /** File name served for a directory. */
  readonly index: string;
  /** Serve the root's index for paths without a file. */
  readonly spa: boolean;
  /** Path inside the package of the page served with status 404. */
  readonly notFound?: string;
  /** Caching rules, the first that fits. */
  readonly cache: readonly CacheRule[];
}

/** How an app is reached. */
export interface AppHttp {
  /** At least one; the app's name when the manifest gives none. */
  readonly routes: readonly Route[];
  /** Files served before the component is asked. */
  readonly static?: AppStatic;
  /** Path that answers with a 2xx status when the app is healthy. */
  readonly health?: string;
}

/** Regular backups of a state volume. */
export interface SnapshotPlan {
  /** Time between two. */
  readonly everyMs: number;
  /** Snapshots kept. */
  readonly keep: number;
  /** Nodes that hold each. */
  readonly copies: number;
}

/** A directory that the guest sees. `source` and `seed` are directories inside the package, no trailing slash. */
export type AppMount =
  | { readonly kind: "static" | "config"; readonly guest: string; readonly source: string }
  | { readonly kind: "work"; readonly guest: string; readonly quotaBytes: number }
  | {
    readonly kind: "state";
    readonly guest: string;
    readonly volume: string;
    readonly seed?: string;
    readonly quotaBytes?: number;
    readonly snapshot?: SnapshotPlan;
  };

/** A package's manifest, checked, with defaults filled in. */
export interface AppManifest {
  /** A DNS label. */
  readonly name: string;
  /** The package's own version. */
  readonly version: string;
  /** Absent for a static site. */
  readonly component?: AppComponent;
  /** Environment variables of the guest. */
  readonly env: Readonly<Record<string, string>>;
  /** Absent for a package that only runs as a job. */
  readonly http?: AppHttp;
  /** `host:port` pairs that may be reached; port may be `*`. */
  readonly outbound: readonly string[];
  /** Directories that the guest sees. */
  readonly mounts: readonly AppMount[];
  /** The inventory, sorted by path; everything but the manifest itself and its signature. */
  readonly files: readonly PackageFile[];
}

/** Names of a package's own files, which the inventory does not list. */
export const packageNames = { manifest: "manifest.toml", signature: "signature.json" } as const;

/** The digest of a package: SHA-256 of its manifest's bytes, inventory included. */
export const packageDigest = (manifestBytes: Uint8Array): Digest => digestOf(manifestBytes);

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration such as `1h`, which the schema has checked. */
const durationMs = (text: string): number =>
  Number(text.slice(0, -1)) * UNIT_MS[text.slice(-1) as keyof typeof UNIT_MS];

/** A directory as the inventory spells it: no trailing slash. */
export const directoryOf = (source: string): string => source.replace(/\/$/, "");

function mountOf(m: PackageManifest["mounts"][number]): AppMount {
  switch (m.kind) {
    case "static":
    case "config":
      return { kind: m.kind, guest: m.guest, source: directoryOf(m.source) };
    case "work":
      return { kind: m.kind, guest: m.guest, quotaBytes: m.size_mb * 1024 * 1024 };
    case "state":
      return {
        kind: m.kind,
        guest: m.guest,
        volume: m.volume,
        ...(m.seed !== undefined && { seed: directoryOf(m.seed) }),
        ...(m.size_mb !== undefined && { quotaBytes: m.size_mb * 1024 * 1024 }),
        ...(m.snapshot && {
          snapshot: {
            everyMs: durationMs(m.snapshot.every),
            keep: m.snapshot.keep,
            copies: m.snapshot.copies,
          },
        }),
      };
  }
}

function httpOf(m: PackageManifest): AppHttp | undefined {
  const http = m.http;
  if (!http) return undefined;
  const written = http.route === undefined ? [m.component.name] : [http.route].flat();
  const routes = written.map((r) => parseRoute(r) as Route);
  const mount = m.mounts.find((x) => x.kind === "static" && x.guest === http.static);
  const source = mount?.kind === "static" ? directoryOf(mount.source) : undefined;
  const served: AppStatic | undefined = source === undefined ? undefined : {
    guest: http.static!,
    source,
    index: http.index,
    spa: http.spa,
    ...(http.not_found !== undefined && { notFound: `${source}/${http.not_found}` }),
    cache: http.cache.map((c) => ({
      path: c.path,
      maxAgeSeconds: c.max_age_seconds,
      immutable: c.immutable,
    })),
  };
  return { routes, ...(served && { static: served }), ...(http.health && { health: http.health }) };
}

function manifestOf(m: PackageManifest, files: readonly PackageFile[]): AppManifest {
  const c = m.component;
  const http = httpOf(m);
  return {
    name: c.name,
    version: c.version,
    ...(c.wasm !== undefined && {
      component: {
        wasm: c.wasm,
        sha256: files.find((f) => f.path === c.wasm)?.sha256 ?? c.sha256 ?? "",
        memoryMb: c.memory_mb,
        maxConcurrency: c.max_concurrency,
        timeoutMs: c.timeout_seconds * 1000,
        instance: c.instance,
        args: c.args,
      },
    }),
    env: m.env,
    ...(http && { http }),
    outbound: m.network.outbound ?? [],
    mounts: m.mounts.map(mountOf),
    files,
  };
}

/** How to read a manifest. */
export interface ManifestOptions {
  /** Name shown in problems; default `manifest.toml`. */
  readonly file?: string;
  /**
   * `required` (default): a package's manifest, complete with its inventory. `absent`: an author's manifest, before
   * `realm package create`; what needs the inventory is then not checked and `files` is empty. A list: an author's
   * manifest with the inventory given here, sorted by path.
   */
  readonly inventory?: "required" | "absent" | readonly PackageFile[];
}

/**
 * Reads and checks a manifest. Refuses whole, with every problem by line and key. Never throws; time and memory are
 * linear in the text, which is bounded by {@link limits.manifestBytes}.
 */
export function parsePackageManifest(
  source: string | Uint8Array,
  options: ManifestOptions = {},
): TomlResult<AppManifest> {
  const { file = packageNames.manifest, inventory = "required" } = options;
  const parsed = parseToml(source, PackageManifestSchema, {
    file,
    maxBytes: limits.manifestBytes,
    check: (m) => manifestProblems(m, inventory),
  });
  if (!parsed.ok) return parsed;
  const files = typeof inventory === "string" ? parsed.value.files ?? [] : inventory;
  return { ok: true, value: manifestOf(parsed.value, files) };
}

export { type PackageManifest, PackageManifestSchema } from "./package_schema.ts";

/** What a deploy command says of a package: the part of its manifest that placement and routing need. */
export function appSpecOf(manifest: AppManifest, digest: Digest): AppSpec {
  return {
    package: digest,
    version: manifest.version,
    kind: manifest.component ? "component" : "static",
    // An instance's ceiling is what a replica may grow to; static files are served by the gateway itself.
    memory_mb: manifest.component?.memoryMb ?? 0,
    routes: (manifest.http?.routes ?? []).map(showRoute),
    volumes: manifest.mounts.flatMap((m) => m.kind === "state" ? [m.volume] : []),
    bytes: manifest.files.reduce((n, f) => n + f.size, 0),
  };
}
