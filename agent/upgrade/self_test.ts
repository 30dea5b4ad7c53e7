/** Starts a new executable to let it look at itself, before the node relies on it. */
import { RealmError } from "../protocol/mod.ts";

/** A first start unpacks, and that takes seconds on small machines and many under emulation. */
const WITHIN_MS = 120_000;

/** What an executable says of itself. */
export interface SelfReport {
  readonly version: string;
  readonly platform: string;
}

/**
 * Runs `<path> internal self-test`. Throws `RealmError`: `disk` when this machine does not let it be executed (that is not
 * the release's fault), `bad_release` when it fails, hangs, or is another version than it should be.
 */
export async function selfTest(
  path: string,
  dataDir: string,
  version: string,
  platform: string,
): Promise<void> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(path, {
      args: ["internal", "self-test", dataDir],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RealmError(
      "disk",
      `${path} cannot be executed (${why}); the data directory must not be mounted noexec`,
      { cause },
    );
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, WITHIN_MS);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (late) throw new RealmError("bad_release", `its self-test did not end within ${WITHIN_MS / 1_000} s`);
  if (code !== 0) {
    const said = text(stderr).split("\n").at(-1)?.slice(0, 300) || "it said nothing";
    throw new RealmError("bad_release", `its self-test ended with ${code}: ${said}`);
  }
  let report: Partial<SelfReport>;
  try {
    report = JSON.parse(text(stdout).split("\n").at(-1) ?? "");
  } catch {
    throw new RealmError("bad_release", "its self-test gave no report; it is no executable of Realm");
  }
  if (report.version !== version || report.platform !== platform) {
    throw new RealmError(
      "bad_release",
      `it says that it is version ${report.version} for ${report.platform}, not ${version} for ${platform}`,
    );
  }
}
