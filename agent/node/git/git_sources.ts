/**
 * Repositories for jobs: which commit a name stands for, and a checkout of it. Clones without a working tree are kept
 * per node, the least recently used go when they take too much; what a job gets is a repository of its own.
 */
import type { Disk } from "../../ports.ts";
import {
  type GitAddress,
  gitLimits,
  gitRefProblem,
  isCommit,
  parseGitAddress,
  RealmError,
  unwrap,
} from "../../protocol/mod.ts";
import { writeAccess } from "./git_access.ts";
import { callGit, type GitCall } from "./git_command.ts";

/** What is wanted of a repository. */
export interface GitWish {
  /** As `parseGitAddress` takes it. */
  readonly url: string;
  /** Branch, tag or commit; absent: the default branch. */
  readonly ref?: string | undefined;
  readonly depth: number;
  readonly submodules: boolean;
  /** What gives access: `user:password`, a token, or a private key for ssh. Never an argument of a process. */
  readonly credential?: string | undefined;
  /** Names the credential, so that what it opened is not given to others. */
  readonly credentialName?: string | undefined;
}

const NETWORK = ["https", "http", "ssh"];

/** Bytes of a directory with all that is in it, as far as `stopAt`. */
async function bytesOf(disk: Disk, directory: string, stopAt: number): Promise<number> {
  let bytes = 0;
  const pending = [directory];
  for (let at = pending.pop(); at !== undefined && bytes <= stopAt; at = pending.pop()) {
    for (const entry of await disk.entries(at).catch(() => [])) {
      if (entry.kind === "directory") pending.push(`${at}/${entry.name}`);
      // A file takes its place in the directory too: many empty ones fill a disk as well.
      else bytes += entry.size + 512;
    }
  }
  return bytes;
}

/** What a checkout needs beside the wish. */
export interface CheckoutPlace {
  /** Absolute; made here. */
  readonly directory: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** See the module's text. */
export class GitSources {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #cacheBytes: number;
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #used = new Map<string, number>();
  #prepared: Promise<void> | undefined;
  /** Whether something was fetched since room was made. */
  #hasGrown = true;

  /** `directory` is of this alone. */
  constructor(disk: Disk, directory: string, cacheBytes: number = gitLimits.cacheBytes) {
    this.#disk = disk;
    this.#directory = directory;
    this.#cacheBytes = cacheBytes;
  }

  /** The commit that the wish stands for now. Throws `RealmError` saying what cannot be found, where, and why. */
  async resolve(wish: GitWish, signal: AbortSignal): Promise<string> {
    const address = checked(wish);
    const { ref } = wish;
    if (ref !== undefined && isCommit(ref)) return ref;
    return await this.#with(wish, address, async (base) => {
      const names = ref === undefined ? ["HEAD"] : [
        `refs/heads/${ref}`,
        `refs/tags/${ref}`,
        `refs/tags/${ref}^{}`,
        ...(ref.startsWith("refs/") ? [ref, `${ref}^{}`] : []),
      ];
      const args = ["ls-remote", "--quiet", "--", address.url, ...names];
      const said = await callGit({ ...base, args, timeoutMs: gitLimits.askMs, signal });
      const found = namedCommits(said);
      if (ref !== undefined && found.has(`refs/heads/${ref}`) && found.has(`refs/tags/${ref}`)) {
        throw new RealmError(
          "bad_request",
          `${ref} is a branch and a tag of ${address.url}; write refs/heads/${ref} or refs/tags/${ref}`,
        );
      }
      const commit = names.toReversed().map((name) => found.get(name)).find((c) => c !== undefined);
      if (commit !== undefined) return commit;
      throw new RealmError(
        "not_found",
        ref === undefined
          ? `${address.url} has no default branch; it may be empty`
          : `${address.url} has no branch or tag ${ref}`,
      );
    });
  }

  /** Branches and the commits at their ends; `names`: only these, so that the others need not be sent. */
  async branches(
    wish: GitWish,
    signal: AbortSignal,
    names: readonly string[] = [],
  ): Promise<ReadonlyMap<string, string>> {
    const address = checked(wish);
    return await this.#with(wish, address, async (base) => {
      const wanted = names.map((name) => `refs/heads/${name}`);
      const args = ["ls-remote", "--quiet", "--heads", "--", address.url, ...wanted];
      const said = await callGit({ ...base, args, timeoutMs: gitLimits.askMs, signal });
      const heads = [...namedCommits(said)].filter(([name]) => name.startsWith("refs/heads/"));
      return new Map(heads.map(([name, commit]) => [name.slice("refs/heads/".length), commit]));
    });
  }

  /** Paths that differ between two commits of a repository. */
  async changedPaths(
    wish: GitWish,
    from: string,
    to: string,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const address = checked(wish);
    return await this.#with(wish, address, async (base, cache) => {
      for (const commit of [from, to]) {
        await this.#bring(wish, address, base, cache, commit, this.#cacheBytes, signal);
      }
      const said = await callGit({
        ...base,
        cwd: cache,
        args: ["diff-tree", "-r", "-z", "--no-commit-id", "--name-only", "--no-renames", from, to, "--"],
        timeoutMs: gitLimits.askMs,
        signal,
      });
      return said.split("\0").filter((path) => path !== "");
    });
  }

  /**
   * Makes a repository at the place with the commit checked out. Throws `RealmError` saying why that cannot be; what was
   * made until then stays for the caller to remove.
   */
  async checkOut(wish: GitWish, commit: string, place: CheckoutPlace): Promise<void> {
    const address = checked(wish);
    if (!isCommit(commit)) throw new RealmError("bad_request", `${commit} is no commit`);
    const { directory, maxBytes, signal } = place;
    await this.#with(wish, address, async (base, cache) => {
      // A repository of this node is fetched from as it lies there.
      if (address.kind !== "path") {
        await this.#bring(wish, address, base, cache, commit, maxBytes, signal);
      }
      await this.#disk.makeDirectory(directory);
      const at = {
        ...base,
        cwd: directory,
        timeoutMs: gitLimits.callMs,
        maxBytes,
        written: () => bytesOf(this.#disk, directory, maxBytes),
        signal,
      };
      const run = (args: readonly string[], protocols: readonly string[] = []) =>
        callGit({ ...at, args, protocols });
      await run(["init", "--quiet"]);
      await run(["remote", "add", "origin", address.url]);
      const from = address.kind === "path" ? address.url : cache;
      const depth = `--depth=${wish.depth}`;
      await run(["fetch", "--quiet", "--no-tags", depth, "--", `file://${from}`, commit], ["file"]);
      await run(["checkout", "--quiet", "--detach", commit, "--"]);
      if (wish.submodules) {
        await run(
          ["submodule", "update", "--init", "--recursive", "--quiet", "--depth=1"],
          address.kind === "path" ? [] : NETWORK,
        );
      }
    });
  }

  /** Brings a commit into the cache, with as much of its history as is wished. */
  async #bring(
    wish: GitWish,
    address: GitAddress,
    base: Base,
    cache: string,
    commit: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<void> {
    const local = { ...base, cwd: cache, timeoutMs: gitLimits.callMs, signal };
    if (!await this.#disk.stat(`${cache}/HEAD`)) {
      await this.#disk.makeDirectory(cache);
      await callGit({ ...local, args: ["init", "--quiet", "--bare"] });
    }
    const known = await callGit({ ...local, args: ["for-each-ref", "--format=%(refname)", "refs/realm/"] });
    const has = known.split("\n").some((name) => {
      const [, , depth, id] = name.split("/");
      return id === commit && Number(depth) >= wish.depth;
    });
    if (has) return;
    this.#hasGrown = true;
    const before = await bytesOf(this.#disk, cache, Infinity);
    // Of a bare path git takes the whole history, whatever depth is asked for.
    const from = address.kind === "path" ? `file://${address.url}` : address.url;
    const fetch = (what: string) =>
      callGit({
        ...local,
        args: ["fetch", "--quiet", "--no-tags", `--depth=${wish.depth}`, "--", from, what],
        maxBytes,
        written: async () => await bytesOf(this.#disk, cache, Infinity) - before,
      });
    try {
      await fetch(commit);
    } catch (error) {
      // A server may give what its names stand for, and nothing else.
      const refused = error instanceof RealmError &&
        /not our ref|unadvertised object|not allow/i.test(error.message);
      if (!refused || wish.ref === undefined || isCommit(wish.ref)) throw error;
      await fetch(wish.ref);
    }
    await callGit({ ...local, args: ["update-ref", `refs/realm/${wish.depth}/${commit}`, commit] }).catch(
      () => {
        throw new RealmError("not_found", `${address.url} has no commit ${commit}`);
      },
    );
  }

  /** Gives what every call needs, and the repository's place in the cache to one at a time. */
  async #with<T>(
    wish: GitWish,
    address: GitAddress,
    body: (base: Base, cache: string) => Promise<T>,
  ): Promise<T> {
    this.#prepared ??= this.#prepare();
    await this.#prepared;
    const name = await nameOf(`${address.url}\n${wish.credentialName ?? ""}`);
    const before = this.#busy.get(name) ?? Promise.resolve();
    const mine = before.catch(() => {}).then(async () => {
      this.#used.set(name, (this.#used.get(name) ?? 0) + 1);
      const secrets = `${this.#directory}/calls/${crypto.randomUUID()}`;
      await Deno.mkdir(secrets, { recursive: true, mode: 0o700 });
      try {
        const access = await writeAccess(secrets, address, wish.credential);
        const cache = `${this.#directory}/repositories/${name}`;
        const base = {
          cwd: secrets,
          protocols: [address.kind === "path" ? "file" : address.kind],
          ...access,
          ssh: this.#ssh(access.key),
        };
        const result = await body(base, cache);
        await this.#disk.touch(cache, Date.now()).catch(() => {});
        return result;
      } catch (error) {
        throw named(address, error);
      } finally {
        await this.#disk.remove(secrets);
        const uses = this.#used.get(name)! - 1;
        if (uses === 0) this.#used.delete(name);
        else this.#used.set(name, uses);
      }
    });
    this.#busy.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(name) === mine) this.#busy.delete(name);
      await this.#makeRoom();
    }
  }

  /** A host's key is believed when it is seen first, and kept. */
  #ssh(key: string | undefined): string {
    const known = `${this.#directory}/known_hosts`;
    const options = [
      "BatchMode=yes",
      "StrictHostKeyChecking=accept-new",
      `UserKnownHostsFile=${known}`,
      "IdentitiesOnly=yes",
    ];
    const words = ["ssh", "-F", "/dev/null", ...options.flatMap((o) => ["-o", o]), ...key ? ["-i", key] : []];
    return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  }

  async #prepare(): Promise<void> {
    await this.#disk.remove(`${this.#directory}/calls`);
    await Deno.mkdir(`${this.#directory}/repositories`, { recursive: true, mode: 0o700 });
  }

  /** Removes what was not used for longest while there is too much. All that is kept is measured: not for each look. */
  async #makeRoom(): Promise<void> {
    if (!this.#hasGrown) return;
    this.#hasGrown = false;
    const all = await this.#disk.entries(`${this.#directory}/repositories`);
    const sized = [];
    for (const { name, modifiedAt } of all) {
      const bytes = await bytesOf(this.#disk, `${this.#directory}/repositories/${name}`, Infinity);
      sized.push({ name, modifiedAt, bytes });
    }
    let total = sized.reduce((n, { bytes }) => n + bytes, 0), count = sized.length;
    for (const { name, bytes } of sized.toSorted((a, b) => a.modifiedAt - b.modifiedAt)) {
      if (total <= this.#cacheBytes && count <= gitLimits.cachedRepositories) return;
      if (this.#used.has(name) || this.#busy.has(name)) continue;
      await this.#disk.remove(`${this.#directory}/repositories/${name}`);
      total -= bytes;
      count--;
    }
    // What is in use stays: the next call tries again.
    this.#hasGrown ||= total > this.#cacheBytes || count > gitLimits.cachedRepositories;
  }
}

/** What `ls-remote` says: commits by their names. */
const namedCommits = (said: string): ReadonlyMap<string, string> =>
  new Map(
    said.split("\n").flatMap((line) => {
      const [commit, name] = line.split("\t");
      return name !== undefined && isCommit(commit) ? [[name, commit] as const] : [];
    }),
  );

/** What all calls for one repository share. */
type Base = Pick<GitCall, "cwd" | "config" | "protocols" | "ssh">;

function checked(wish: GitWish): GitAddress {
  const address = unwrap(parseGitAddress(wish.url));
  const problem = wish.ref === undefined ? undefined : gitRefProblem(wish.ref);
  if (problem !== undefined) {
    throw new RealmError("bad_request", `the ref ${JSON.stringify(wish.ref)} ${problem}`);
  }
  return address;
}

async function nameOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("").slice(0, 40);
}

/** The failure with the repository that it is about. */
function named(address: GitAddress, error: unknown): unknown {
  if (!(error instanceof RealmError) || error.message.includes(address.url)) return error;
  return new RealmError(error.code, `${address.url}: ${error.message}`, { cause: error });
}
