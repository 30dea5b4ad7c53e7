/** What a forge tells by a webhook: read from headers and body of a delivery whose sender is known. Pure. */
import * as v from "valibot";
import { fromUtf8, isBranch, isCommit, parseGitAddress } from "../../protocol/mod.ts";

/** What a delivery tells. */
export type Delivery =
  | {
    readonly event: "push";
    readonly branch: string;
    /** Where the branch ended before; absent for a new one. */
    readonly before?: string;
    readonly commit: string;
    /** Addresses of the repository, as the forge names them. */
    readonly urls: readonly string[];
  }
  | { readonly event: "ping" }
  /** Nothing to do, and why. */
  | { readonly event: "other"; readonly why: string };

const address = v.optional(v.nullable(v.pipe(v.string(), v.maxLength(2_048))));
const place = v.optional(v.object({
  clone_url: address,
  ssh_url: address,
  html_url: address,
  git_http_url: address,
  git_ssh_url: address,
  web_url: address,
}));
const hash = v.pipe(v.string(), v.check(isCommit, "a commit"));
/** Of all that forges send, what is needed; GitHub, Gitea, Forgejo and GitLab name it alike. */
const PushSchema = v.object({
  ref: v.pipe(v.string(), v.maxLength(512)),
  before: v.optional(hash),
  after: hash,
  repository: place,
  project: place,
});

const EVENTS = ["x-github-event", "x-gitea-event", "x-forgejo-event", "x-gogs-event", "x-gitlab-event"];
const IDS = [
  "x-github-delivery",
  "x-gitea-delivery",
  "x-forgejo-delivery",
  "x-gogs-delivery",
  "x-gitlab-event-uuid",
];

const first = (headers: Headers, names: readonly string[]): string | undefined =>
  names.map((name) => headers.get(name)).find((value) => value !== null) ?? undefined;

/** Id by which the forge names a delivery, also when it sends it again. */
export const deliveryId = (headers: Headers): string | undefined => first(headers, IDS)?.slice(0, 100);

/** The JSON of a body: as it is, or as a form's field `payload`. */
function textOf(headers: Headers, body: Uint8Array): string {
  const text = fromUtf8(body);
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(headers.get("content-type") ?? "");
  return isForm ? new URLSearchParams(text).get("payload") ?? "" : text;
}

const isNothing = (commit: string): boolean => /^0+$/.test(commit);

/** What a delivery tells; `undefined` when it cannot be read. */
export function readDelivery(headers: Headers, body: Uint8Array): Delivery | undefined {
  const event = (first(headers, EVENTS) ?? "").toLowerCase();
  if (event === "ping") return { event: "ping" };
  if (event === "tag push hook") return { event: "other", why: "tags do not count" };
  if (event !== "push" && event !== "push hook") return { event: "other", why: "only pushes count" };
  let value: unknown;
  try {
    value = JSON.parse(textOf(headers, body));
  } catch {
    return undefined;
  }
  const push = v.safeParse(PushSchema, value, { abortEarly: true });
  if (!push.success) return undefined;
  const { ref, before, after, repository, project } = push.output;
  if (ref.startsWith("refs/tags/")) return { event: "other", why: "tags do not count" };
  const branch = /^refs\/heads\/(.*)$/s.exec(ref)?.[1];
  if (branch === undefined || !isBranch(branch)) return { event: "other", why: "it is about no branch" };
  if (isNothing(after)) return { event: "other", why: "the branch was removed" };
  const urls = [repository, project].flatMap((at) => Object.values(at ?? {}))
    .filter((url): url is string => typeof url === "string");
  return {
    event: "push",
    branch,
    ...(before === undefined || isNothing(before) ? {} : { before }),
    commit: after,
    urls,
  };
}

/** Host and path of a repository, whatever the protocol. */
function nameOf(url: string): string | undefined {
  const parsed = parseGitAddress(url);
  if (!parsed.ok || parsed.value.kind === "path") return undefined;
  const place = URL.parse(parsed.value.url.replace(/^ssh:/, "http:"));
  if (!place) return undefined;
  const { host, pathname } = place;
  return `${host.replace(/:\d+$/, "")}${pathname.replace(/\.git$/, "")}`.toLowerCase();
}

/** Whether one of these addresses is that of the repository. */
export function isOf(url: string, urls: readonly string[]): boolean {
  const name = nameOf(url);
  return name !== undefined && urls.some((other) => nameOf(other) === name);
}
