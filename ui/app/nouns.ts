/** Words that views' addresses begin with: `/nodes`, `/nodes/NAME`. The agent answers each of them with the page. */
export const nouns = [
  "nodes",
  "apps",
  "jobs",
  "upgrade",
  "events",
  "packages",
  "storage",
  "audit",
  "keys",
  "secrets",
  "policies",
  "apply",
] as const;
/** One of {@link nouns}. */
export type Noun = (typeof nouns)[number];
