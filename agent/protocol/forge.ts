/** What serves git repositories to people, and what it is told about commits. */

/** Kinds of forge, by the form in which they take statuses of commits; Forgejo is as Gitea. */
export const forges = ["github", "gitea", "gitlab"] as const;
/** See {@link forges}. */
export type Forge = "github" | "gitea" | "gitlab";

/** The forge at a well-known host. */
export function forgeOf(host: string): Forge | undefined {
  switch (host.replace(/:\d+$/, "")) {
    case "github.com":
      return "github";
    case "gitlab.com":
      return "gitlab";
    case "codeberg.org":
    case "gitea.com":
      return "gitea";
  }
}
