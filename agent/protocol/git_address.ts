/**
 * Addresses of git repositories and names of what is in them, as people write them in jobs. What git itself would take
 * for an option, a helper program or a file of the machine is refused here, before any process is started.
 */
import { ok, refuse, type Result } from "./errors.ts";

/** A repository. */
export interface GitAddress {
  /** `path`: a directory of the node. */
  readonly kind: "https" | "http" | "ssh" | "path";
  /** In the one form that is given to git: an URL, or an absolute path. */
  readonly url: string;
  /** Host and port; empty for a path. */
  readonly host: string;
}

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])$/;
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}$/;
// deno-lint-ignore no-control-regex
const ODD = /[\u0000-\u0020\u007f-\u009f\\\u2028\u2029]/;
const ADDRESS_CHARS = 2_048;

const shown = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);

/** Segments of a path that name nothing but themselves. */
const plainPath = (path: string): boolean =>
  path.split("/").every((part) => part !== "." && part !== ".." && !part.startsWith("-")) &&
  !/%(2e|2f|5c|00)/i.test(path);

function address(
  kind: "https" | "http" | "ssh",
  user: string,
  host: string,
  port: string,
  path: string,
): Result<GitAddress> {
  const bad = (why: string) => refuse("bad_request", why);
  if (!HOST.test(host)) return bad(`${shown(host)} is no name of a host`);
  if (port !== "" && !(/^[0-9]{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536)) {
    return bad(`${shown(port)} is no port`);
  }
  if (user !== "" && !USER.test(user)) return bad(`${shown(user)} is no name of a user`);
  const trimmed = path.replace(/\/+$/, "");
  if (trimmed === "" || /[?#]/.test(trimmed) || !plainPath(trimmed)) {
    return bad(`${shown(path)} is no path of a repository`);
  }
  const at = `${host.toLowerCase()}${port === "" ? "" : `:${port}`}`;
  return ok({ kind, url: `${kind}://${user === "" ? "" : `${user}@`}${at}${trimmed}`, host: at });
}

/**
 * Takes an address apart: `https://…`, `http://…`, `ssh://…`, `user@host:path`, `host/path` (short for https), or an
 * absolute path on the node. Refuses with `bad_request`, saying what is wrong.
 */
export function parseGitAddress(text: string): Result<GitAddress> {
  const bad = (why: string) => refuse("bad_request", why);
  if (text.length > ADDRESS_CHARS) return bad(`an address has at most ${ADDRESS_CHARS} characters`);
  if (text === "" || ODD.test(text)) return bad(`${shown(text)} has spaces or control characters in it`);
  if (text.startsWith("-")) return bad(`${shown(text)} begins like an option`);
  if (text.includes("::")) {
    if (!/^(https?|ssh):\/\/([^/@]*@)?\[/.test(text)) {
      return bad(`${shown(text)} names a helper program of git`);
    }
  }
  if (text.startsWith("/")) {
    return text.length > 1 && !text.includes("//") && plainPath(text.slice(1))
      ? ok({ kind: "path", url: text.replace(/\/$/, ""), host: "" })
      : bad(`${shown(text)} is no absolute, normalised path`);
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/.exec(text);
  if (scheme) {
    const kind = scheme[1].toLowerCase();
    if (kind !== "https" && kind !== "http" && kind !== "ssh") {
      return bad(`repositories are fetched by https, http or ssh, not by ${shown(kind)}`);
    }
    const parts = /^(?:([^/@]*)@)?(\[[^\]/]*\]|[^/:@]*)(?::([^/@]*))?(\/.*)$/.exec(scheme[2]);
    if (!parts) return bad(`${shown(text)} is no address of a repository`);
    const [, user = "", host, port = "", path] = parts;
    if (user.includes(":") || (user !== "" && kind !== "ssh")) {
      return bad(
        `the address holds a name or password; put it into a secret and name that by \`credential\``,
      );
    }
    return address(kind, user, host, port, path);
  }
  const copied = /^([^/@:]+)@([^/:@]+|\[[^\]]*\]):(.+)$/.exec(text);
  if (copied) return address("ssh", copied[1], copied[2], "", `/${copied[3].replace(/^\/+/, "")}`);
  const short = /^([^/:@]+\.[^/:@]+|localhost)(?::([0-9]+))?(\/.+)$/.exec(text);
  if (short) return address("https", "", short[1], short[2] ?? "", short[3]);
  return bad(
    `${
      shown(text)
    } is no address of a repository: write https://…, ssh://…, host/path or an absolute path on the node`,
  );
}

/** Whether a host of an address is this machine: what is sent there is read by nobody on the way. */
export const isLoopback = (host: string): boolean => /^(localhost|127\.[0-9.]+|\[::1\])(:|$)/.test(host);

/** Whether a text is the whole name of a commit. */
export const isCommit = (text: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

/** Why a text cannot name a branch, tag or commit (`git check-ref-format`); `undefined` when it can. */
export function gitRefProblem(ref: string): string | undefined {
  if (ref === "" || ref.length > 256) return "is empty or too long";
  if (ref.startsWith("-")) return "begins like an option";
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u0020\u007f~^:?*\[\\]/.test(ref)) return "has characters that no branch or tag has";
  if (ref.includes("..") || ref.includes("@{") || ref.includes("//") || ref === "@") {
    return "is an expression; give the name of a branch, a tag or a whole commit";
  }
  if (ref.startsWith("/") || ref.endsWith("/") || ref.endsWith(".")) return "begins or ends wrongly";
  if (ref.split("/").some((part) => part.startsWith(".") || part.endsWith(".lock") || part === "")) {
    return "has a part that begins with a dot or ends with .lock";
  }
  if (/^[0-9a-f]{7,39}$/.test(ref)) return "looks like a shortened commit; write all of its 40 digits";
  return undefined;
}
