/** Addresses of unix sockets are short: a long directory is reached by a link to it. */

/** Bytes of `sockaddr_un.sun_path`, less the names that are put behind a directory. */
const LONGEST = 108 - 16;

/** Calls `use` with a path of `directory` that a socket's name can follow. */
export async function byShortPath<T>(directory: string, use: (path: string) => T | Promise<T>): Promise<T> {
  if (new TextEncoder().encode(directory).length <= LONGEST) return await use(directory);
  const folder = await Deno.makeTempDir({ dir: "/tmp", prefix: "realm-" });
  try {
    await Deno.symlink(directory, `${folder}/d`);
    return await use(`${folder}/d`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
