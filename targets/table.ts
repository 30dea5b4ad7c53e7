/** The six platforms that Realm is built for, and the runtime of each. */
import type { Platform } from "../agent/protocol/executable.ts";
import { RealmError } from "../agent/protocol/errors.ts";

/** The runtime's version: the newest whose runtimes for all six platforms are on the npm registry. */
export const DENO_VERSION = "2.9.5";

/** One platform to build for. */
export interface Target {
  /** As Realm names it: in file names, manifests and `realm upgrade --platform`. */
  readonly platform: Platform;
  /** As `deno compile --target` names it. */
  readonly triple: string;
  /** npm package with the runtime, at {@link DENO_VERSION}. */
  readonly npmPackage: string;
  /** Subresource integrity of that package's tarball, as the registry published it. */
  readonly integrity: string;
  /** The runtime inside the tarball. */
  readonly entry: string;
  /** Ending of the executable's name. */
  readonly extension: "" | ".exe";
  /** `uname -s` and `uname -m` there; none for Windows. */
  readonly uname?: { readonly system: string; readonly machines: readonly string[] };
}

/** All targets, sorted by platform. */
export const targets: readonly Target[] = [
  {
    platform: "darwin/amd64",
    triple: "x86_64-apple-darwin",
    npmPackage: "@deno/darwin-x64",
    integrity:
      "sha512-gbdlxWZuAZFiJiZtTT00Mv/aC7f/31+pyqJGQKlZr5X33WeTo5B0GG+efcX3P1UZceRKHuPEAQ1B/M2oRt8r9Q==",
    entry: "package/deno",
    extension: "",
    uname: { system: "Darwin", machines: ["x86_64"] },
  },
  {
    platform: "darwin/arm64",
    triple: "aarch64-apple-darwin",
    npmPackage: "@deno/darwin-arm64",
    integrity:
      "sha512-SX98qSdBT1lw9x6NwGwx2xIayl1kRimdRnFohYlJ6nt3mLKzTKHHKQwQs5D2pEY7mbUGGbYe9brM2kfN75pPkg==",
    entry: "package/deno",
    extension: "",
    uname: { system: "Darwin", machines: ["arm64"] },
  },
  {
    platform: "linux/amd64",
    triple: "x86_64-unknown-linux-gnu",
    npmPackage: "@deno/linux-x64-glibc",
    integrity:
      "sha512-TDqcnoLe3jlgqYEQm7H7MK6q0JOth+o8iSZzknRODnVkJfPiNnjVn1M1Zc6vnp+ipkyb6Av1/CUlHgHtlq59Gw==",
    entry: "package/deno",
    extension: "",
    uname: { system: "Linux", machines: ["x86_64"] },
  },
  {
    platform: "linux/arm64",
    triple: "aarch64-unknown-linux-gnu",
    npmPackage: "@deno/linux-arm64-glibc",
    integrity:
      "sha512-IuYjsz9PGl7CJcNXMuN27KNDB8Q40brK3SG3l+TXMDVW61ZKwcn0fQHBHnXFiiygEwI8by/fKnASEluhZB1atw==",
    entry: "package/deno",
    extension: "",
    uname: { system: "Linux", machines: ["aarch64", "arm64"] },
  },
  {
    platform: "windows/amd64",
    triple: "x86_64-pc-windows-msvc",
    npmPackage: "@deno/win32-x64",
    integrity:
      "sha512-LkcERsH0olOgevg9L9eootSr1U8ydyfnX1bS3mFqU+lGBeTYtlec5b/QF473WUOGVgPlWECrkxi4As5kEaFOzg==",
    entry: "package/deno.exe",
    extension: ".exe",
  },
  {
    platform: "windows/arm64",
    triple: "aarch64-pc-windows-msvc",
    npmPackage: "@deno/win32-arm64",
    integrity:
      "sha512-tTPrE/4SX7uaC8nJW47iNnibtjzk1y4zoiYjBBHE34vdkbb6LHopqH68BxyT61HZdfqXzOTEYjDVHhtmVZFy+w==",
    entry: "package/deno.exe",
    extension: ".exe",
  },
];

/** The target of a platform or triple. Throws `RealmError("usage")`. */
export function targetOf(name: string): Target {
  const target = targets.find((t) => t.platform === name || t.triple === name);
  if (target) return target;
  throw new RealmError(
    "usage",
    `${name} is no target; choose from ${targets.map((t) => t.platform).join(", ")}`,
  );
}

/** The target that this machine is. */
export function hostTarget(): Target | undefined {
  return targets.find((t) => t.triple === Deno.build.target);
}

/** File name of an artifact. */
export const artifactName = (target: Target, version: string): string =>
  `realm-${version}-${target.platform.replace("/", "-")}${target.extension}`;
