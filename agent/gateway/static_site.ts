/**
 * The files of one revision as the gateway serves them. Every request path is looked up in a map that is made from
 * the package's verified inventory; no path on disk is ever built from a request, so there is nothing to traverse.
 */
import type { Digest } from "../protocol/identity.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import { contentTypeOf } from "./content_types.ts";

/** One file of a static mount, as in the package's inventory. */
export interface StaticFile {
  /** Relative to the site's directory, `/`-separated, no leading slash. */
  readonly path: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** What a site is made of. */
export interface StaticSiteSource {
  /** Absolute directory that holds the files; it must not change while the site is routed to. */
  readonly dir: string;
  readonly files: Iterable<StaticFile>;
  /** `Last-Modified` of all files, milliseconds since 1970: the time of the deploy, the same on every node. */
  readonly modifiedAt?: number;
  /** Page for paths that are no file, with status 200 (`index.html` of a single-page app); navigations only. */
  readonly fallback?: string;
  /** Page for paths that are no file, with status 404; default `404.html`, when there is one. */
  readonly notFound?: string;
  /** Directories whose files never change under their name (`assets/`), besides names that carry a hash. */
  readonly immutable?: readonly string[];
}

/** One form of a file: as it is, or compressed. */
export interface Variant {
  readonly encoding: "" | "br" | "gzip";
  /** File on disk, relative to the site's directory; `undefined`: made on the fly. */
  readonly file: StaticFile | undefined;
  readonly etag: string;
  /** Header fields of a 200 answer, without `content-length`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The same as an init of `Response`, made once: this is the hot path. */
  readonly ok: { readonly headers: Record<string, string> };
}

/** A file that can be asked for. */
export interface Asset {
  readonly file: StaticFile;
  readonly plain: Variant;
  /** In order of preference. */
  readonly compressed: readonly Variant[];
  readonly modifiedAt: number | undefined;
}

/** What a path leads to. */
export type Found =
  | { readonly kind: "asset"; readonly asset: Asset; readonly status: 200 | 404 }
  | { readonly kind: "redirect"; readonly path: string };

/** The files of one revision; made by {@link createStaticSite}. */
export interface StaticSite {
  readonly dir: string;
  /** A file at exactly this canonical path (relative to the route's prefix, with leading slash), or its redirect. */
  find(path: string): Found | undefined;
  /** What to answer when nothing else does: the fallback or 404 page. */
  missing(path: string, navigation: boolean): Found | undefined;
  /** Number of files. */
  readonly size: number;
}

const YEAR_SECONDS = 31_536_000;
/** Kinds of files that bundlers give names with a hash. */
const BUNDLED = /\.(?:css|m?js|map|wasm|woff2?|ttf|otf|svg|png|jpe?g|gif|webp|avif|ico|mp4|webm)$/;

/**
 * Whether a file name carries a content hash as bundlers write it: a part between `-` or `.` and the extension that is
 * hex of 8 to 64 characters with letters and digits (webpack, parcel), or exactly 8 base64url characters that are no
 * word with a number (`index-BxYz12_a.js`: rollup, vite, esbuild).
 */
export function hasHashedName(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (!BUNDLED.test(name)) return false;
  const stem = name.slice(0, name.lastIndexOf(".")).replace(/\.(?:min|module|chunk|bundle|js|css)$/, "");
  const hex = /(?:^|[.-])([0-9a-f]{8,64})$/.exec(stem)?.[1];
  if (hex && /[0-9]/.test(hex) && /[a-f]/.test(hex)) return true;
  const short = /[.-]([A-Za-z0-9_-]{8})$/.exec(stem)?.[1];
  return short !== undefined && /[0-9]/.test(short) && /[A-Z]/.test(short) &&
    !/^[A-Z]?[a-z]+[0-9]+$/.test(short) &&
    !/^[A-Z]+[-_]?[0-9]+$/.test(short);
}

function assetOf(
  file: StaticFile,
  siblings: ReadonlyMap<string, StaticFile>,
  source: StaticSiteSource,
): Asset {
  const { type, compressible } = contentTypeOf(file.path);
  const forever = hasHashedName(file.path) || (source.immutable ?? []).some((d) => file.path.startsWith(d));
  const br = siblings.get(file.path + ".br"), gz = siblings.get(file.path + ".gz");
  const onTheFly = compressible && file.size >= gatewayLimits.compressMinBytes &&
    file.size <= gatewayLimits.compressMaxBytes;
  const varies = br !== undefined || gz !== undefined || onTheFly;
  const variant = (encoding: Variant["encoding"], on: StaticFile | undefined): Variant => {
    const etag = `"${(on ?? file).digest}${on ? "" : "-" + encoding}"`;
    const headers: Record<string, string> = {
      "content-type": type,
      "cache-control": forever ? `public, max-age=${YEAR_SECONDS}, immutable` : "no-cache",
      etag,
      "x-content-type-options": "nosniff",
    };
    if (encoding) headers["content-encoding"] = encoding;
    // Ranges work for every file; small ones need not say so, and each field costs time.
    else if (file.size > gatewayLimits.cachedFileBytes) headers["accept-ranges"] = "bytes";
    if (varies) headers.vary = "accept-encoding";
    if (source.modifiedAt !== undefined) headers["last-modified"] = new Date(source.modifiedAt).toUTCString();
    return { encoding, file: on, etag, headers, ok: { headers } };
  };
  const compressed: Variant[] = [];
  if (br || onTheFly) compressed.push(variant("br", br));
  if (gz || onTheFly) compressed.push(variant("gzip", gz));
  return { file, plain: variant("", file), compressed, modifiedAt: source.modifiedAt };
}

/** Makes the look-up of a site. Costs memory per file once, nothing per request. */
export function createStaticSite(source: StaticSiteSource): StaticSite {
  const files = new Map([...source.files].map((f) => [f.path, f]));
  const found = new Map<string, Found>();
  for (const file of files.values()) {
    const asset = assetOf(file, files, source);
    found.set("/" + file.path, { kind: "asset", asset, status: 200 });
    if (file.path === "index.html" || file.path.endsWith("/index.html")) {
      const directory = "/" + file.path.slice(0, -"index.html".length);
      found.set(directory, { kind: "asset", asset, status: 200 });
      const bare = directory.slice(0, -1);
      if (bare !== "" && !files.has(bare.slice(1))) found.set(bare, { kind: "redirect", path: directory });
    }
  }
  const page = (path: string | undefined, status: 200 | 404): Found | undefined => {
    const file = path === undefined ? undefined : files.get(path.replace(/^\//, ""));
    return file && { kind: "asset", asset: assetOf(file, files, source), status };
  };
  const fallback = page(source.fallback, 200), notFound = page(source.notFound ?? "404.html", 404);
  return {
    dir: source.dir,
    size: files.size,
    find: (path) => found.get(path),
    missing: (path, navigation) =>
      (navigation && !/\.[a-z0-9]+$/i.test(path) ? fallback : undefined) ?? notFound,
  };
}
