/** The schema of `manifest.toml`, as people write it: names, types and bounds of keys. Meaning is checked in `package_manifest.ts`. */
import * as v from "valibot";
import { isDigest } from "./identity.ts";
import { limits } from "./limits.ts";
import { flag, guestPath, label, pattern, whole } from "./written_values.ts";

const path = guestPath("/data");
const packagePath = v.pipe(
  v.string("a path inside the package"),
  v.nonEmpty("a path inside the package"),
  v.maxLength(limits.pathBytes, `a path of at most ${limits.pathBytes} bytes`),
);
const urlPath = pattern(
  'a path such as "/healthz": starts with one slash, no query, no spaces',
  /^\/(?!\/)[A-Za-z0-9._~!$&'()+,;=:@%/-]*$/,
  512,
);
const digest = v.pipe(
  v.string("a SHA-256 digest: 64 lower-case hex digits"),
  v.check(isDigest, "a SHA-256 digest: 64 lower-case hex digits"),
);
const duration = pattern('a duration such as "30s", "15m", "1h" or "7d"', /^[1-9][0-9]{0,5}(s|m|h|d)$/, 8);

const Component = v.strictObject({
  /** Name of the app; also its default route. */
  name: label("a name"),
  version: pattern('a version such as "1.4.0"', /^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/, 64),
  /** The component or core module, inside the package. */
  wasm: v.optional(packagePath),
  /** SHA-256 of `wasm`; written by `realm package create`. */
  sha256: v.optional(digest),
  memory_mb: v.optional(whole(1, 4096, " (MiB)"), 64),
  max_concurrency: v.optional(whole(1, 1024), 64),
  timeout_seconds: v.optional(whole(1, 86_400, " (seconds)"), 30),
  instance: v.optional(
    v.picklist(["per_request", "reuse"], '"per_request" or "reuse"'),
    "per_request",
  ),
  /** Arguments of a command component. */
  args: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.maxLength(4096, "text of at most 4096 characters"))),
      v.maxLength(256, "at most 256 arguments"),
    ),
    [],
  ),
});

const route = v.pipe(
  v.string("a route"),
  v.nonEmpty("a host label, a host name, or one of them with a path"),
  v.maxLength(512, "a route of at most 512 characters"),
);
const CacheRule = v.strictObject({
  /** `*` stands for any run of characters, slashes included. The first rule that fits applies. */
  path: pattern('a path pattern such as "/assets/*"', /^\/[^\s?#]*$/, 512),
  max_age_seconds: whole(0, 31_536_000, " (seconds)"),
  immutable: v.optional(flag, false),
});
const Http = v.strictObject({
  route: v.optional(
    v.union(
      [
        route,
        v.pipe(
          v.array(route, "a list of routes"),
          v.minLength(1, "at least one route"),
          v.maxLength(limits.appRoutes, `at most ${limits.appRoutes} routes`),
        ),
      ],
      "a route, or a list of routes",
    ),
  ),
  /** Guest path of a static mount, served before the component is asked. */
  static: v.optional(path),
  /** File served for a directory. */
  index: v.optional(packagePath, "index.html"),
  /** Serve the root's `index` for paths without a file (single-page application). */
  spa: v.optional(flag, false),
  /** File inside the static mount, served with status 404. */
  not_found: v.optional(packagePath),
  /** Path that answers with a 2xx status when the app is healthy. */
  health: v.optional(urlPath),
  cache: v.optional(v.pipe(v.array(CacheRule, "a list of tables"), v.maxLength(64, "at most 64 rules")), []),
});

const Network = v.strictObject({
  outbound: v.optional(
    v.pipe(
      v.array(v.string('"host:port"'), 'a list of "host:port"'),
      v.maxLength(limits.outboundHosts, `at most ${limits.outboundHosts} hosts`),
    ),
    [],
  ),
});

const sizeMb = whole(1, 16 * 1024 * 1024, " (MiB)");
const Mount = v.variant("kind", [
  v.strictObject({ kind: v.literal("static"), guest: path, source: packagePath }),
  v.strictObject({ kind: v.literal("config"), guest: path, source: packagePath }),
  v.strictObject({ kind: v.literal("work"), guest: path, size_mb: v.optional(sizeMb, 100) }),
  v.strictObject({
    kind: v.literal("state"),
    guest: path,
    volume: label("a volume name"),
    seed: v.optional(packagePath),
    size_mb: v.optional(sizeMb),
    snapshot: v.optional(v.strictObject({
      every: duration,
      keep: v.optional(whole(1, 1000), 24),
      copies: v.optional(whole(1, 100), 2),
    })),
  }),
]);

const File = v.strictObject({
  path: packagePath,
  size: whole(0, limits.packageFileBytes, " (bytes)"),
  sha256: digest,
});

/**
 * `manifest.toml` of a package. `files` is the inventory, written by `realm package create`. `service` is reserved
 * for native and container services: its presence is refused with a clear message by the semantic check.
 */
export const PackageManifestSchema = v.strictObject({
  component: Component,
  service: v.optional(v.unknown()),
  env: v.optional(
    v.record(
      v.string(),
      v.pipe(
        v.string("text in quotes"),
        v.maxLength(limits.envBytes, `text of at most ${limits.envBytes} characters`),
      ),
    ),
    {},
  ),
  http: v.optional(Http),
  network: v.optional(Network, {}),
  mounts: v.optional(
    v.pipe(
      v.array(Mount, "a list of tables: [[mounts]]"),
      v.maxLength(limits.packageMounts, `at most ${limits.packageMounts} mounts`),
    ),
    [],
  ),
  files: v.optional(
    v.pipe(
      v.array(File, "a list of tables: [[files]]"),
      v.maxLength(limits.packageFiles, `at most ${limits.packageFiles} files`),
    ),
  ),
});
/** `manifest.toml` as parsed, with defaults filled in and keys as in TOML. */
export type PackageManifest = v.InferOutput<typeof PackageManifestSchema>;
