/** The git working tree that somebody works in. */
import { parseGitAddress } from "../../protocol/mod.ts";

async function said(directory: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["-C", directory, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined;
  }
}

/** The root of the working tree that a directory is in, and the addresses that it is a clone of; `undefined`: in none. */
export async function workingTreeOf(
  directory: string,
): Promise<{ root: string; remotes: readonly string[] } | undefined> {
  const root = await said(directory, ["rev-parse", "--show-toplevel"]);
  if (!root) return undefined;
  const lines = await said(root, ["config", "--get-regexp", "^remote\\..*\\.url$"]) ?? "";
  const remotes = lines.split("\n").flatMap((line) => {
    const parsed = parseGitAddress(line.slice(line.indexOf(" ") + 1));
    return parsed.ok ? [parsed.value.url] : [];
  });
  return { root, remotes: [...remotes, root] };
}
