/** Content types by file name. A small table: what browsers need to be told; the rest is bytes. */

/** `extension → [type, worth compressing]`. Text types get `charset=utf-8`. */
const TYPES: Readonly<Record<string, readonly [string, boolean]>> = {
  html: ["text/html", true],
  htm: ["text/html", true],
  css: ["text/css", true],
  js: ["text/javascript", true],
  mjs: ["text/javascript", true],
  txt: ["text/plain", true],
  md: ["text/markdown", true],
  csv: ["text/csv", true],
  ics: ["text/calendar", true],
  vtt: ["text/vtt", true],
  xml: ["text/xml", true],
  json: ["application/json", true],
  map: ["application/json", true],
  jsonld: ["application/ld+json", true],
  webmanifest: ["application/manifest+json", true],
  atom: ["application/atom+xml", true],
  rss: ["application/rss+xml", true],
  xhtml: ["application/xhtml+xml", true],
  toml: ["application/toml", true],
  yaml: ["application/yaml", true],
  yml: ["application/yaml", true],
  wasm: ["application/wasm", true],
  pdf: ["application/pdf", false],
  zip: ["application/zip", false],
  gz: ["application/gzip", false],
  tar: ["application/x-tar", true],
  svg: ["image/svg+xml", true],
  png: ["image/png", false],
  apng: ["image/apng", false],
  jpg: ["image/jpeg", false],
  jpeg: ["image/jpeg", false],
  gif: ["image/gif", false],
  webp: ["image/webp", false],
  avif: ["image/avif", false],
  ico: ["image/x-icon", true],
  bmp: ["image/bmp", true],
  woff: ["font/woff", false],
  woff2: ["font/woff2", false],
  ttf: ["font/ttf", true],
  otf: ["font/otf", true],
  mp3: ["audio/mpeg", false],
  m4a: ["audio/mp4", false],
  ogg: ["audio/ogg", false],
  wav: ["audio/wav", false],
  flac: ["audio/flac", false],
  mp4: ["video/mp4", false],
  webm: ["video/webm", false],
  mov: ["video/quicktime", false],
};

/** The content type of a file name, and whether compressing its content is worth while. */
export function contentTypeOf(name: string): { readonly type: string; readonly compressible: boolean } {
  const dot = name.lastIndexOf(".");
  const known = dot < 0 ? undefined : TYPES[name.slice(dot + 1).toLowerCase()];
  if (!known) return { type: "application/octet-stream", compressible: false };
  const [type, compressible] = known;
  const text = type.startsWith("text/") || type === "application/json" ||
    type === "application/manifest+json";
  return { type: text ? `${type}; charset=utf-8` : type, compressible };
}
