/** Bounds of fetching git repositories, each with its reason. */
export const gitLimits = {
  /** One call of git: a large repository over a slow link. */
  callMs: 20 * 60_000,
  /** Asking for the names of a repository: two round trips. */
  askMs: 60_000,
  /** How often the size of what is fetched is looked at: a fast link fills little more than the bound meanwhile. */
  watchMs: 300,
  /** Characters of git's output that are kept: names of a repository with some thousand branches. */
  outputChars: 1024 * 1024,
  /** Bytes of all cached repositories of a node. */
  cacheBytes: 4 * 1024 ** 3,
  /** Cached repositories of a node. */
  cachedRepositories: 64,
} as const;
