/**
 * Builds the dashboard: one page, one script in parts, one style sheet, and what the script fetches later. From source the agent
 * calls {@link sourceAssets}, which keeps the result in `.cache/ui/` under a hash of everything it is made of; builds of
 * executables embed it.
 */
import type { Assets } from "./mod.ts";

/** What the bundle is made of, below the root; the lock file stands for the packages. */
const SOURCES = [
  "ui/app",
  "ui/build.ts",
  "ui/deno.json",
  "agent/protocol",
  "agent/api",
  "agent/packages",
  "mod.ts",
  "deno.json",
  "deno.lock",
];
/** The word in the middle is painted while the script is still being read. */
const PAGE = (script: string, style: string, icon: string, preloaded: readonly string[]) =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Realm</title>
<link rel="icon" href="/${icon}">
<link rel="stylesheet" href="/${style}">
<script type="module" src="/${script}"></script>
${preloaded.map((name) => `<link rel="modulepreload" href="/${name}">\n`).join("")}</head>
<body><div id="app"><p class="opening">Realm</p></div><noscript>The dashboard needs JavaScript. Without it: realm status</noscript></body>
</html>
`;

async function hash(parts: readonly string[]): Promise<string> {
  const bytes = new TextEncoder().encode(parts.join("\0"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

async function filesUnder(path: string): Promise<string[]> {
  if ((await Deno.stat(path)).isFile) return [path];
  const found: string[] = [];
  for await (const entry of Deno.readDir(path)) {
    if (entry.isDirectory) found.push(...await filesUnder(`${path}/${entry.name}`));
    else if (!/_test\.tsx?$/.test(entry.name)) found.push(`${path}/${entry.name}`);
  }
  return found.sort();
}

/** Style sheets that views build upon, in their order; those of views follow by name. */
const STYLES = ["tokens", "base", "components", "forms", "frame"];

async function styleText(root: string): Promise<string> {
  const shared = STYLES.map((name) => `${root}/ui/app/style/${name}.css`);
  const files = [...shared, ...await filesUnder(`${root}/ui/app/style/views`)];
  return (await Promise.all(files.map((f) => Deno.readTextFile(f)))).join("\n");
}

/**
 * The script, and what it fetches once it is needed. The bundler's names for parts hold a hash of where the sources lie; here
 * they get one of what they are, each after those that it names itself.
 */
async function scriptAndParts(dir: string): Promise<{ script: string; parts: Assets }> {
  const waiting = new Map<string, string>();
  for (const path of await filesUnder(dir)) {
    waiting.set(path.slice(dir.length + 1), await Deno.readTextFile(path));
  }
  const parts: Record<string, string> = {};
  const names = (text: string, name: string) => text.includes(`./${name}"`);
  while (waiting.size > 1) {
    const ready = [...waiting].find(([name, text]) =>
      name !== "main.js" && ![...waiting.keys()].some((other) => other !== name && names(text, other))
    );
    if (!ready) throw new Error(`parts of the dashboard name each other: ${[...waiting.keys()].join(", ")}`);
    const [old, text] = ready;
    const name = `part-${(await hash([text])).slice(0, 12)}.js`;
    waiting.delete(old);
    parts[`assets/${name}`] = text;
    for (const [other, its] of waiting) waiting.set(other, its.replaceAll(`./${old}"`, `./${name}"`));
  }
  const sorted = Object.entries(parts).sort(([a], [b]) => a < b ? -1 : 1);
  return { script: waiting.get("main.js")!, parts: Object.fromEntries(sorted) };
}

/** What a script imports at once, and what that does: the page names it, so that all of it is fetched side by side. */
function importedAtOnce(script: string, parts: Assets, known = new Set<string>()): readonly string[] {
  for (const [, name] of script.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) {
    const path = `assets/${name}`;
    if (known.has(path)) continue;
    known.add(path);
    importedAtOnce(parts[path], parts, known);
  }
  return [...known].sort();
}

/** Bytes, gzip, of what a person waits for at the first visit: the page and what it names. */
export async function firstVisitBytes(assets: Assets): Promise<number> {
  let size = 0;
  for (const [name, text] of Object.entries(assets)) {
    if (name !== "index.html" && !assets["index.html"].includes(`"/${name}"`)) continue;
    const zipped = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
    size += (await new Response(zipped).arrayBuffer()).byteLength;
  }
  return size;
}

/** Bundles the sources under `root`. Throws with the bundler's words. */
export async function buildAssets(root: string): Promise<Assets> {
  const dir = await Deno.makeTempDir({ prefix: "realm-ui-" });
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--minify", "--platform", "browser", "--code-splitting", "--outdir", dir]
        .concat("ui/app/main.tsx"),
      cwd: root,
      env: { NO_COLOR: "1" },
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
    const [{ script: js, parts }, css, icon] = await Promise.all([
      scriptAndParts(dir),
      styleText(root),
      Deno.readTextFile(`${root}/ui/app/icon.svg`),
    ]);
    const named = async (name: string, ext: string, text: string) =>
      `assets/${name}-${(await hash([text])).slice(0, 12)}.${ext}`;
    const [script, style, image] = await Promise.all([
      named("app", "js", js),
      named("app", "css", css),
      named("icon", "svg", icon),
    ]);
    return {
      "index.html": PAGE(script, style, image, importedAtOnce(js, parts)),
      [script]: js,
      [style]: css,
      [image]: icon,
      ...parts,
    };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The assets of a source tree: from the cache when nothing changed, else built now (about half a second). */
export async function sourceAssets(root: string): Promise<Assets> {
  const files = (await Promise.all(SOURCES.map((path) => filesUnder(`${root}/${path}`)))).flat();
  const texts = await Promise.all(
    files.map(async (f) => `${f.slice(root.length)}\n${await Deno.readTextFile(f)}`),
  );
  const cached = `${root}/.cache/ui/${(await hash([Deno.version.deno, ...texts])).slice(0, 24)}.json`;
  try {
    return JSON.parse(await Deno.readTextFile(cached));
  } catch { /* not built yet, or damaged */ }
  const assets = await buildAssets(root);
  try {
    await Deno.mkdir(`${root}/.cache/ui`, { recursive: true });
    const partial = `${cached}.${crypto.randomUUID().slice(0, 8)}.partial`;
    await Deno.writeTextFile(partial, JSON.stringify(assets));
    await Deno.rename(partial, cached);
  } catch { /* a tree that cannot be written is built anew each time */ }
  return assets;
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  for (const [name, text] of Object.entries(await sourceAssets(root))) {
    const zipped = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
    const size = (await new Response(zipped).arrayBuffer()).byteLength;
    console.log(`${name}  ${text.length} B, ${size} B gzip`);
  }
}
