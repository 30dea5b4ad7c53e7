/** What a package manifest's schema cannot say: combinations of keys, and agreement with the inventory. */
import { utf8 } from "./encoding.ts";
import { limits } from "./limits.ts";
import { comparePaths, findCollision, isWindowsDevice, pathProblem, showPath } from "./package_path.ts";
import type { PackageManifest } from "./package_schema.ts";
import { outboundProblem, parseRoute, type Route, showRoute } from "./routes.ts";
import { type DataProblem, nearest, showValue } from "./schema_problems.ts";
import type { KeyPath } from "./toml_positions.ts";

type Report = (path: KeyPath, message: string, hint?: string) => void;
type Files = readonly NonNullable<PackageManifest["files"]>[number][];

/** All problems of meaning of a manifest that fits the schema; empty when it is sound. */
export function manifestProblems(
  m: PackageManifest,
  inventory: "required" | "absent" | Files,
): readonly DataProblem[] {
  const problems: DataProblem[] = [];
  const report: Report = (path, message, hint) =>
    problems.push({ path, message, ...(hint !== undefined && { hint }) });
  if (m.service !== undefined) {
    report(
      ["service"],
      "native and container services are not supported by this version",
      "use [component] with `wasm`",
    );
  }
  checkNames(m, report);
  checkHttp(m, report);
  checkEnv(m, report);
  (m.network.outbound ?? []).forEach((o, i) => {
    const expected = outboundProblem(o);
    if (expected) report(["network", "outbound", i], `expected ${expected}, got ${showValue(o)}`);
  });
  checkMounts(m, report);
  if (inventory !== "required" && m.files) {
    report(["files"], "is written by `realm package create`", "remove it");
  }
  const files = typeof inventory === "string" ? m.files : inventory;
  if (inventory === "absent") return problems;
  if (!files) report([], "has no inventory ([[files]])", "make the package with `realm package create`");
  else if (checkInventory(files, report)) checkSources(m, files, report);
  return problems;
}

function checkNames(m: PackageManifest, report: Report): void {
  const c = m.component;
  if (isWindowsDevice(c.name)) report(["component", "name"], "is a reserved name on Windows");
  m.mounts.forEach((mount, i) => {
    if (mount.kind === "state" && isWindowsDevice(mount.volume)) {
      report(["mounts", i, "volume"], "is a reserved name on Windows");
    }
  });
  if (c.wasm === undefined) {
    if (c.sha256 !== undefined) report(["component", "sha256"], "stands without `wasm`", "remove it");
    if (m.service === undefined && m.http?.static === undefined) {
      report(["component"], "there is nothing to run", "set `wasm`, or `static` in [http] for a static site");
    }
    if (m.http?.health !== undefined) {
      report(["http", "health"], "a static site has nothing that could answer it", "remove it");
    }
  } else checkPath(c.wasm, ["component", "wasm"], report);
}

function checkPath(path: string, key: KeyPath, report: Report): boolean {
  const problem = pathProblem(path);
  if (problem) report(key, `${showPath(path)} ${problem}`);
  return problem === undefined;
}

function checkHttp(m: PackageManifest, report: Report): void {
  const http = m.http;
  if (!http) return;
  const list = Array.isArray(http.route);
  const seen = new Set<string>();
  [http.route ?? []].flat().forEach((text, i) => {
    const key = list ? ["http", "route", i] : ["http", "route"];
    const route: Route | string = parseRoute(text);
    if (typeof route === "string") return report(key, `expected ${route}, got ${showValue(text)}`);
    const shown = showRoute(route);
    if (seen.has(shown)) report(key, `${showValue(text)} stands twice`, "remove one");
    seen.add(shown);
  });
  const mounts = m.mounts.filter((x) => x.kind === "static").map((x) => x.guest);
  if (http.static !== undefined && !mounts.includes(http.static)) {
    const near = nearest(http.static, mounts);
    report(
      ["http", "static"],
      `${showValue(http.static)} is not the \`guest\` of a static mount`,
      near !== undefined ? `did you mean ${showValue(near)}?` : 'add [[mounts]] with kind = "static"',
    );
  }
  if (http.static === undefined) {
    for (const key of ["spa", "not_found"] as const) {
      if (http[key]) report(["http", key], "needs `static`, the guest path of a static mount");
    }
    if (http.cache.length > 0) report(["http", "cache"], "needs `static`, the guest path of a static mount");
  }
  if (/[\\/]/.test(http.index)) {
    report(["http", "index"], `expected a file name, got ${showValue(http.index)}`);
  }
  if (http.spa && http.not_found !== undefined) {
    report(["http", "not_found"], "never applies with `spa = true`", "remove one of the two");
  }
  if (http.not_found !== undefined) checkPath(http.not_found, ["http", "not_found"], report);
}

function checkEnv(m: PackageManifest, report: Report): void {
  const names = Object.keys(m.env);
  let bytes = 0;
  for (const name of names) {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(name)) {
      report(["env", name], "expected a name of letters, digits and underscores, not starting with a digit");
    }
    if (m.env[name].includes("\0")) {
      report(["env", name], "has a NUL character, which no environment can hold");
    }
    bytes += utf8(name).length + utf8(m.env[name]).length;
  }
  if (names.length > limits.envNames) report(["env"], `has more than ${limits.envNames} names`);
  if (bytes > limits.envBytes) report(["env"], `is larger than ${limits.envBytes} bytes`);
}

/** Whether a mount at `a` covers the place of `b`: the same path or a directory above it. */
const covers = (a: string, b: string) => a === b || a === "/" || b.startsWith(a + "/");

function checkMounts(m: PackageManifest, report: Report): void {
  const volumes = new Set<string>();
  m.mounts.forEach((mount, i) => {
    for (let k = 0; k < i; k++) {
      const other = m.mounts[k].guest;
      if (!covers(other, mount.guest) && !covers(mount.guest, other)) continue;
      const how = other === mount.guest ? "is already" : "overlaps";
      report(
        ["mounts", i, "guest"],
        `${showPath(mount.guest)} ${how} the guest path ${
          other === mount.guest ? "" : `${showPath(other)} `
        }of mounts[${k}]`,
        "choose a path of its own",
      );
      break;
    }
    if (mount.kind === "state") {
      if (volumes.has(mount.volume)) {
        report(["mounts", i, "volume"], `volume ${showValue(mount.volume)} is mounted twice`);
      }
      volumes.add(mount.volume);
      if (mount.seed !== undefined) checkDirectory(mount.seed, ["mounts", i, "seed"], report);
    } else if (mount.kind !== "work") checkDirectory(mount.source, ["mounts", i, "source"], report);
  });
  if (volumes.size > limits.packageVolumes) {
    report(["mounts"], `have more than ${limits.packageVolumes} volumes`);
  }
}

const checkDirectory = (path: string, key: KeyPath, report: Report) =>
  checkPath(path.replace(/\/$/, "") || path, key, report);

/** Own files of a package, which the inventory must not list. */
const OWN = ["manifest.toml", "signature.json"];

function checkInventory(files: Files, report: Report): boolean {
  let sound = true, total = 0;
  const bad: Report = (path, message) => {
    sound = false;
    report(path, message);
  };
  files.forEach((f, i) => {
    if (!checkPath(f.path, ["files", i, "path"], bad)) return;
    if (OWN.includes(f.path.toLowerCase())) {
      bad(["files", i, "path"], `${showPath(f.path)} is a name of the package's own`);
    }
    if (i > 0 && comparePaths(files[i - 1].path, f.path) > 0) {
      bad(["files", i, "path"], `${showPath(f.path)} is out of order: files are sorted by path`);
    }
    total += f.size;
  });
  if (total > limits.packageBytes) bad(["files"], `hold more than ${limits.packageBytes} bytes together`);
  const collision = sound ? findCollision(files.map((f) => f.path)) : undefined;
  if (collision) {
    const other = collision.other === collision.path ? "" : ` ${showPath(collision.other)}`;
    bad(["files", collision.index, "path"], `${showPath(collision.path)} ${collision.why}${other}`);
  }
  return sound;
}

/** Index of the first file at or after `prefix`, by binary search in the sorted inventory. */
function firstAt(files: Files, prefix: string): number {
  let low = 0, high = files.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePaths(files[middle].path, prefix) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
const fileAt = (files: Files, path: string) => {
  const file = files[firstAt(files, path)];
  return file?.path === path ? file : undefined;
};

function checkSources(m: PackageManifest, files: Files, report: Report): void {
  const c = m.component;
  if (c.wasm !== undefined) {
    const file = fileAt(files, c.wasm);
    if (!file) {
      const near = nearest(c.wasm, files.filter((f) => f.path.endsWith(".wasm")).map((f) => f.path));
      report(
        ["component", "wasm"],
        `${showPath(c.wasm)} is not in the package`,
        near === undefined ? undefined : `did you mean ${showPath(near)}?`,
      );
    } else if (c.sha256 !== undefined && c.sha256 !== file.sha256) {
      report(
        ["component", "sha256"],
        `is not the digest of ${showPath(c.wasm)}, which is ${file.sha256}`,
        "remove the line: `realm package create` writes it",
      );
    }
  }
  const directory = (path: string, key: KeyPath) => {
    const prefix = path.replace(/\/$/, "") + "/";
    if (files[firstAt(files, prefix)]?.path.startsWith(prefix)) return;
    const why = fileAt(files, prefix.slice(0, -1))
      ? "is a file, not a directory"
      : "has no files in the package";
    report(key, `${showPath(path)} ${why}`);
  };
  m.mounts.forEach((mount, i) => {
    if (mount.kind === "static" || mount.kind === "config") directory(mount.source, ["mounts", i, "source"]);
    if (mount.kind === "state" && mount.seed !== undefined) directory(mount.seed, ["mounts", i, "seed"]);
  });
  if (m.http?.not_found !== undefined && m.http.static !== undefined) {
    const mount = m.mounts.find((x) => x.kind === "static" && x.guest === m.http!.static);
    const path = mount?.kind === "static" ? `${mount.source.replace(/\/$/, "")}/${m.http.not_found}` : "";
    if (mount && !fileAt(files, path)) {
      report(["http", "not_found"], `${showPath(path)} is not in the package`);
    }
  }
}
