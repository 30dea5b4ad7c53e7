/** A mounted directory as the guest file system keeps it, and the checks a list of mounts must pass. */
import { RealmError } from "../../../protocol/errors.ts";
import type { RuntimeMount } from "../../runtime.ts";
import { Quota } from "./quota.ts";
import type { SharedState } from "./shared_state.ts";
import { sameFile } from "./stat.ts";

/** A mounted directory. */
export interface Mount {
  /** Name under which the guest sees it. */
  readonly guest: string;
  /** Directory on the host, without a trailing slash. */
  readonly host: string;
  readonly readOnly: boolean;
  /** Absent: no limit. */
  readonly quota?: Quota;
}

/**
 * Checks and prepares mounts. Throws `RealmError("bad_request")` for a host path that is not an absolute path of a
 * directory, for a guest path given twice, and for host directories that lie inside one another unless all of them are
 * read-only (a writable one would open a back door into a read-only one, or into another's quota).
 */
export function prepareMounts(mounts: readonly RuntimeMount[], state: SharedState): readonly Mount[] {
  const prepared = mounts.map((mount, index): Mount => {
    const host = withoutTrailingSlash(mount.host.replaceAll("\\", Deno.build.os === "windows" ? "/" : "\\"));
    if (!/^(\/|[A-Za-z]:\/)/.test(host)) refuse(`Mount ${mount.guest}: host path ${host} is not absolute.`);
    if (!isDirectory(host)) refuse(`Mount ${mount.guest}: host path ${host} is not a directory.`);
    const limited = mount.quotaBytes !== undefined && !mount.readOnly;
    return {
      guest: mount.guest,
      host,
      readOnly: mount.readOnly,
      ...(limited ? { quota: new Quota(mount.quotaBytes!, host, index, state) } : {}),
    };
  });
  for (const [i, a] of prepared.entries()) {
    for (const b of prepared.slice(i + 1)) {
      if (a.guest === b.guest) refuse(`Mount ${a.guest} is given twice.`);
      const nested = contains(a.host, b.host) || contains(b.host, a.host) || isSameDirectory(a.host, b.host);
      if (nested && !(a.readOnly && b.readOnly)) {
        refuse(
          `Mounts ${a.guest} and ${b.guest} share host files and one is writable; give separate directories.`,
        );
      }
    }
  }
  return prepared;
}

/** A host path as mounts keep it. */
export const withoutTrailingSlash = (path: string): string =>
  path.length > 1 ? path.replace(/\/+$/, "") : path;
const contains = (outer: string, inner: string) =>
  inner === outer || outer === "/" || inner.startsWith(`${outer}/`);

/** One directory under two names (a bind mount, a symlink on the way) is found by its number, nesting so is not. */
function isSameDirectory(a: string, b: string): boolean {
  const [x, y] = [Deno.statSync(a), Deno.statSync(b)];
  return sameFile({ dev: x.dev, ino: x.ino ?? 0 }, { dev: y.dev, ino: y.ino ?? 0 });
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function refuse(message: string): never {
  throw new RealmError("bad_request", message);
}
