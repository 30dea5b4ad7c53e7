/** Answers requests from a {@link StaticSite}: validators, ranges, encodings, memory cache. */
import type { Disk } from "../ports.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import type { Asset, Found, StaticSite, Variant } from "./static_site.ts";
import { createContentCache } from "./content_cache.ts";
import { acceptsEncoding, holdsRange, matchesTag, notModifiedSince, rangeOf } from "./conditions.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Where file contents come from. */
export type StaticDisk = Pick<Disk, "readFile" | "readStream">;

/** Serves the files of any number of sites, with one memory cache for all. */
export interface StaticFiles {
  /**
   * The answer for what {@link StaticSite.find} found. `method` is GET or HEAD. `mount` is the route's prefix, which
   * redirects must carry. Reads of the disk may fail with `RealmError("disk" | "not_found")`.
   */
  answer(
    site: StaticSite,
    found: Found,
    method: string,
    headers: Headers,
    mount: string,
    search: string,
  ): Response | Promise<Response>;
  /**
   * The 200 or 304 answer to a GET without `Range`, when it can be given from memory at once, else `undefined`. The
   * bytes that it carries are counted.
   */
  fromMemory(
    asset: Asset,
    acceptEncoding: string | null,
    ifNoneMatch: string | null,
    counters: { tookNoTime(bytes: number): void },
  ): Response | undefined;
  /** Bytes held in memory. */
  readonly cachedBytes: number;
}

async function compress(bytes: Bytes, encoding: "br" | "gzip"): Promise<Bytes> {
  const { brotliCompress, constants, gzip } = await import("node:zlib");
  return await new Promise((resolve, reject) => {
    const done = (error: Error | null, out: Uint8Array) =>
      error ? reject(error) : resolve(new Uint8Array(out));
    if (encoding === "br") brotliCompress(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }, done);
    else gzip(bytes, done);
  });
}

/** Joins a site's directory and an inventory path; the path was verified when the package was. */
const onDisk = (dir: string, path: string) => dir.endsWith("/") ? dir + path : `${dir}/${path}`;

/** Makes the answerer. */
export function createStaticFiles(
  disk: StaticDisk,
  cacheBytes: number = gatewayLimits.cacheBytes,
): StaticFiles {
  const cache = createContentCache(cacheBytes);
  const reading = new Map<string, Promise<Bytes>>();
  const incompressible = new Set<string>();
  let compressing = 0;

  /** Reads or makes content once, however many requests want it at the same time. */
  function once(key: string, make: () => Promise<Bytes>): Promise<Bytes> {
    const running = reading.get(key);
    if (running) return running;
    const made = make().then((bytes) => {
      cache.set(key, bytes);
      return bytes;
    }).finally(() => reading.delete(key));
    reading.set(key, made);
    return made;
  }

  const small = (size: number) => size <= gatewayLimits.cachedFileBytes;

  function content(
    site: StaticSite,
    path: string,
    digest: string,
    size: number,
  ): Bytes | Promise<Bytes> | undefined {
    const kept = cache.get(digest);
    if (kept) return kept;
    if (!small(size)) return undefined;
    return once(digest, async () => new Uint8Array(await disk.readFile(onDisk(site.dir, path))));
  }

  function pick(asset: Asset, acceptEncoding: string | null): Variant {
    if (!acceptEncoding || asset.compressed.length === 0) return asset.plain;
    for (const variant of asset.compressed) {
      if (variant.file === undefined && incompressible.has(asset.file.digest)) continue;
      if (acceptsEncoding(acceptEncoding, variant.encoding)) return variant;
    }
    return asset.plain;
  }

  const tagsOf = (asset: Asset) => [asset.plain.etag, ...asset.compressed.map((v) => v.etag)];
  const keyOf = (asset: Asset, variant: Variant) =>
    variant.file ? variant.file.digest : `${asset.file.digest}-${variant.encoding}`;

  const whole = (variant: Variant, status: number, head: boolean, bytes: Bytes) =>
    head
      ? new Response(null, {
        status,
        headers: { ...variant.headers, "content-length": String(bytes.length) },
      })
      : new Response(bytes, { status, headers: variant.headers });

  function notModified(variant: Variant): Response {
    const { "content-type": _, "content-encoding": __, ...headers } = variant.headers;
    return new Response(null, { status: 304, headers });
  }

  /** The compressed form made on the fly, or `undefined` when it must not be waited for or is not worth it. */
  async function compressed(site: StaticSite, asset: Asset, variant: Variant): Promise<Bytes | undefined> {
    const key = keyOf(asset, variant);
    if (!reading.has(key) && compressing >= gatewayLimits.compressions) return undefined;
    const bytes = await once(key, async () => {
      compressing++;
      try {
        const plain = cache.get(asset.file.digest) ??
          new Uint8Array(await disk.readFile(onDisk(site.dir, asset.file.path)));
        return await compress(plain, variant.encoding as "br" | "gzip");
      } finally {
        compressing--;
      }
    });
    if (bytes.length < asset.file.size) return bytes;
    if (incompressible.size >= gatewayLimits.hotPaths) incompressible.clear();
    incompressible.add(asset.file.digest);
    return undefined;
  }

  async function send(
    site: StaticSite,
    asset: Asset,
    variant: Variant,
    status: number,
    head: boolean,
  ): Promise<Response> {
    if (variant.file === undefined) {
      const made = cache.get(keyOf(asset, variant)) ?? await compressed(site, asset, variant);
      return made ? whole(variant, status, head, made) : send(site, asset, asset.plain, status, head);
    }
    const { path, digest, size } = variant.file;
    const kept = head ? undefined : content(site, path, digest, size);
    if (kept) return whole(variant, status, head, await kept);
    const headers = { ...variant.headers, "content-length": String(size) };
    return new Response(head ? null : disk.readStream(onDisk(site.dir, path)) as ReadableStream<Bytes>, {
      status,
      headers,
    });
  }

  async function part(
    site: StaticSite,
    asset: Asset,
    range: { start: number; end: number },
  ): Promise<Response> {
    const { path, digest, size } = asset.file;
    const headers = {
      ...asset.plain.headers,
      "content-range": `bytes ${range.start}-${range.end - 1}/${size}`,
      "content-length": String(range.end - range.start),
    };
    const kept = await content(site, path, digest, size);
    const body = kept
      ? kept.subarray(range.start, range.end)
      : disk.readStream(onDisk(site.dir, path), range) as ReadableStream<Bytes>;
    return new Response(body, { status: 206, headers });
  }

  return {
    get cachedBytes() {
      return cache.bytes;
    },
    answer(site, found, method, headers, mount, search) {
      if (found.kind === "redirect") {
        const location = mount + found.path + search;
        return new Response(null, { status: 308, headers: { location, "cache-control": "no-cache" } });
      }
      const { asset, status } = found, head = method === "HEAD";
      const variant = pick(asset, headers.get("accept-encoding"));
      if (status === 200) {
        const ifNone = headers.get("if-none-match"), ifSince = headers.get("if-modified-since");
        if (
          ifNone !== null
            ? matchesTag(ifNone, tagsOf(asset))
            : ifSince !== null && notModifiedSince(ifSince, asset.modifiedAt)
        ) {
          return notModified(variant);
        }
        const wanted = head ? null : headers.get("range"), ifRange = headers.get("if-range");
        if (
          wanted !== null && (ifRange === null || holdsRange(ifRange, asset.plain.etag, asset.modifiedAt))
        ) {
          const range = rangeOf(wanted, asset.file.size);
          if (range === "unsatisfiable") {
            const headers = { "content-range": `bytes */${asset.file.size}`, "accept-ranges": "bytes" };
            return new Response(null, { status: 416, headers });
          }
          if (range) return part(site, asset, range);
        }
      }
      return send(site, asset, variant, status, head);
    },
    fromMemory(asset, acceptEncoding, ifNoneMatch, counters) {
      const variant = pick(asset, acceptEncoding);
      if (ifNoneMatch !== null && matchesTag(ifNoneMatch, tagsOf(asset))) {
        counters.tookNoTime(0);
        return notModified(variant);
      }
      const bytes = cache.get(keyOf(asset, variant));
      if (bytes === undefined) return undefined;
      counters.tookNoTime(bytes.length);
      return new Response(bytes, variant.ok);
    },
  };
}
