/** Repositories among the inputs of an attempt: what their names stand for, told before anything is fetched; then checkouts. */
import type { AttemptOrder } from "../../core/mod.ts";
import { type GitInput, RealmError } from "../../protocol/mod.ts";
import type { GitSources, GitWish } from "../git/git_sources.ts";

/**
 * Checks everything out below `root`; `openSecret` gives the secret that an input names. `onResolved` is told all commits by mount, once, when all are known. Throws naming
 * the input that cannot be had, and why.
 */
export async function checkOutAll(
  git: Pick<GitSources, "resolve" | "checkOut">,
  order: AttemptOrder,
  openSecret: (name: string) => Uint8Array,
  root: string,
  signal: AbortSignal,
  onResolved: (commits: Readonly<Record<string, string>>) => void,
): Promise<void> {
  const inputs = order.inputs.flatMap((input) => "git" in input ? [input.git] : []);
  if (inputs.length === 0) return;
  const of = async <T>(mount: string, body: () => Promise<T>): Promise<T> => {
    try {
      return await body();
    } catch (error) {
      if (signal.aborted || !(error instanceof RealmError)) throw error;
      throw new RealmError("unavailable", `the input ${mount} cannot be fetched: ${error.message}`, {
        cause: error,
      });
    }
  };
  const wishOf = ({ url, ref, depth, submodules, credential }: GitInput): GitWish => ({
    url,
    ref,
    depth,
    submodules,
    ...(credential === undefined
      ? {}
      : { credential: new TextDecoder().decode(openSecret(credential)), credentialName: credential }),
  });
  const commits: Record<string, string> = {};
  for (const input of inputs) {
    commits[input.mount] = input.commit ?? await of(input.mount, () => git.resolve(wishOf(input), signal));
  }
  onResolved(commits);
  for (const input of inputs) {
    const place = { directory: `${root}${input.mount}`, maxBytes: order.spec.disk_mb * 1024 * 1024, signal };
    await of(input.mount, () => git.checkOut(wishOf(input), commits[input.mount], place));
  }
}
