/** Settings of calls of git, and what gives access to a repository, in files that only the agent can read. */
import { type GitAddress, isLoopback, RealmError } from "../../protocol/mod.ts";

/** Settings that hold for every call. */
const SETTINGS = `[core]
	hooksPath = /dev/null
	fsmonitor = false
	askPass =
	pager = cat
[credential]
	helper =
[protocol]
	allow = never
[safe]
	directory = *
[uploadpack]
	allowAnySHA1InWant = true
[advice]
	detachedHead = false
[init]
	defaultBranch = main
[gc]
	auto = 0
[maintenance]
	auto = false
[submodule]
	recurse = false
[http]
	lowSpeedLimit = 100
	lowSpeedTime = 120
`;

/** Writes the settings of a call, and what gives access, into files that only the agent can read. */
export async function writeAccess(
  directory: string,
  address: GitAddress,
  credential: string | undefined,
): Promise<{ config: string; key?: string }> {
  const config = `${directory}/config`;
  let settings = SETTINGS, key: string | undefined;
  if (credential !== undefined) {
    const secret = credential.replace(/\r\n/g, "\n").trim();
    if (secret.startsWith("-----BEGIN ")) {
      if (address.kind !== "ssh") {
        throw new RealmError("bad_request", "its credential is a private key, which is for ssh");
      }
      key = `${directory}/key`;
      await Deno.writeTextFile(key, `${secret}\n`, { mode: 0o600 });
    } else {
      if (
        address.kind === "path" || address.kind === "ssh" ||
        (address.kind === "http" && !isLoopback(address.host))
      ) {
        throw new RealmError(
          "bad_request",
          `a password or token is sent by https alone, not by ${address.kind}`,
        );
      }
      const colon = secret.indexOf(":");
      const [user, password] = colon < 0
        ? ["git", secret]
        : [secret.slice(0, colon), secret.slice(colon + 1)];
      const at = `${address.kind}://${address.host}`;
      const line = `${address.kind}://${encodeURIComponent(user)}:${
        encodeURIComponent(password)
      }@${address.host}\n`;
      await Deno.writeTextFile(`${directory}/credentials`, line, { mode: 0o600 });
      settings += `[credential "${at}"]\n\thelper = "store --file='${directory}/credentials'"\n`;
    }
  }
  await Deno.writeTextFile(config, settings, { mode: 0o600 });
  return { config, ...(key === undefined ? {} : { key }) };
}
