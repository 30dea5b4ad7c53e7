/** Git repositories on loopback for tests: made in a directory, served by git's own http backend. */

/** Whether the system has git with its http backend. */
export async function hasGit(): Promise<boolean> {
  try {
    const { success, stdout } = await new Deno.Command("git", { args: ["--exec-path"], stderr: "null" })
      .output();
    const path = new TextDecoder().decode(stdout).trim();
    return success && (await Deno.stat(`${path}/git-http-backend`)).isFile;
  } catch {
    return false;
  }
}

/** Runs git as a developer would. */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  const who = ["-c", "user.name=Dev", "-c", "user.email=dev@example.org", "-c", "protocol.file.allow=always"];
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: [...who, "-c", "init.defaultBranch=main", ...args],
    cwd,
    env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
  }).output();
  if (!success) throw new Error(`git ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim();
}

/** Makes files and commits them; the commit. A value of `null` removes a file. */
export async function commit(
  directory: string,
  files: Readonly<Record<string, string | null>>,
): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    const at = `${directory}/${path}`;
    if (text === null) await Deno.remove(at);
    else {
      await Deno.mkdir(at.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(at, text);
      if (text.startsWith("#!")) await Deno.chmod(at, 0o755);
    }
  }
  await git(directory, "add", "-A");
  await git(directory, "commit", "-q", "-m", "change");
  return await git(directory, "rev-parse", "HEAD");
}

/** A new repository in `directory`. */
export async function repository(
  directory: string,
  files: Readonly<Record<string, string>> = { "README": "hello\n" },
): Promise<string> {
  await Deno.mkdir(directory, { recursive: true });
  await git(directory, "init", "-q");
  return await commit(directory, files);
}

/** A server of all repositories below a directory. */
export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Requests so far. */
  readonly requests: { method: string; path: string; authorization: string | null }[];
}

/** Serves `root`; with `password` only to who gives it. */
export function serveGit(root: string, options: { password?: string; delayMs?: number } = {}): GitServer {
  const requests: GitServer["requests"] = [];
  const { promise: closing, resolve: close } = Promise.withResolvers<void>();
  const wanted = options.password === undefined ? undefined : `Basic ${btoa(options.password)}`;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const url = new URL(request.url);
    const authorization = request.headers.get("authorization");
    requests.push({ method: request.method, path: url.pathname + url.search, authorization });
    if (wanted !== undefined && authorization !== wanted) {
      return new Response("who?", { status: 401, headers: { "www-authenticate": 'Basic realm="git"' } });
    }
    if (options.delayMs) {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, options.delayMs);
      await Promise.race([late, closing]);
      clearTimeout(timer);
    }
    return await answer(root, request, url);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]() {
      close();
      return server.shutdown();
    },
  };
}

async function answer(root: string, request: Request, url: URL): Promise<Response> {
  let body = new Uint8Array(await request.arrayBuffer());
  if (request.headers.get("content-encoding") === "gzip") {
    const plain = new Blob([body]).stream().pipeThrough(new DecompressionStream("gzip"));
    body = new Uint8Array(await new Response(plain).arrayBuffer());
  }
  const child = new Deno.Command("git", {
    args: ["-c", "safe.directory=*", "http-backend"],
    env: {
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers.get("content-type") ?? "",
      CONTENT_LENGTH: String(body.length),
      GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
      REMOTE_ADDR: "127.0.0.1",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const written = writer.write(body).then(() => writer.close()).catch(() => {});
  const { stdout } = await child.output();
  await written;
  const end = new TextDecoder("latin1").decode(stdout.subarray(0, 4_096)).indexOf("\r\n\r\n");
  const headers = new Headers();
  let status = 200;
  for (const line of new TextDecoder().decode(stdout.subarray(0, Math.max(0, end))).split("\r\n")) {
    const [name, value] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()];
    if (name === "Status") status = Number(value.slice(0, 3));
    else if (name !== "") headers.append(name, value);
  }
  return new Response(stdout.subarray(end + 4), { status, headers });
}
