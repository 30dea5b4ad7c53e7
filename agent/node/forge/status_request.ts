/** How a forge is told the status of a commit: which request, in the form of each. Pure; sends nothing. */
import type { CommitStatus, JobOutcome } from "../../core/mod.ts";
import { type Forge, isLoopback, parseGitAddress } from "../../protocol/mod.ts";

/** A request that tells a status. */
export interface StatusRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const STATES: Readonly<Record<Forge, Readonly<Record<JobOutcome, string>>>> = {
  github: { pending: "pending", success: "success", failure: "failure", cancelled: "error" },
  gitea: { pending: "pending", success: "success", failure: "failure", cancelled: "error" },
  gitlab: { pending: "running", success: "success", failure: "failed", cancelled: "canceled" },
};

/** Where the API of the forge that serves a repository is: at its own host, and nowhere else. */
function apiOf(forge: Forge, kind: string, host: string): string {
  if (forge === "github" && host === "github.com") return "https://api.github.com";
  const name = host.replace(/^(.*[^\]]):\d+$|^(\[.*\]):\d+$/, "$1$2");
  const base = kind === "ssh" ? `https://${name}` : `${kind}://${host}`;
  return `${base}${{ github: "/api/v3", gitea: "/api/v1", gitlab: "/api/v4" }[forge]}`;
}

/** The request, or `undefined` when the repository is at no forge that a token may be sent to. */
export function statusRequest(status: CommitStatus, token: string): StatusRequest | undefined {
  const { trigger: { url, status: { forge } }, job, branch, commit, state, text } = status;
  const parsed = parseGitAddress(url);
  if (!parsed.ok || parsed.value.kind === "path") return undefined;
  const { kind, host } = parsed.value;
  if (kind === "http" && !isLoopback(host)) return undefined;
  // As the parser writes it, everything odd is encoded already.
  const place = URL.parse(parsed.value.url.replace(/^ssh:/, "http:"));
  const parts = place?.pathname.replace(/^\/|\.git$/g, "").split("/") ?? [];
  if (parts.length < 2 || parts.some((part) => part === "")) return undefined;
  const api = apiOf(forge, kind, host);
  const said = { state: STATES[forge][state], description: text };
  const headers = { "content-type": "application/json", "user-agent": "realm" };
  if (forge === "gitlab") {
    return {
      url: `${api}/projects/${parts.join("%2F")}/statuses/${commit}`,
      headers: { ...headers, "private-token": token },
      body: JSON.stringify({ ...said, name: `realm/${job}`, ref: branch }),
    };
  }
  const authorization = forge === "github" ? `Bearer ${token}` : `token ${token}`;
  return {
    url: `${api}/repos/${parts.join("/")}/statuses/${commit}`,
    headers: { ...headers, accept: "application/json", authorization },
    body: JSON.stringify({ ...said, context: `realm/${job}` }),
  };
}
