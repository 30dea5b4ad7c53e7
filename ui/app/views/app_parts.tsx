/** What lists and details of apps share. */
import type { AppView } from "../../../mod.ts";

/** Replicas wished; of an app on all nodes as many as there are. */
export const wantedOf = (a: AppView): number => a.wanted === "all" ? a.replicas.length : a.wanted;
/** `2 / 3`; of an app on all nodes `3 / 3 (all)`. */
export const replicasText = (a: AppView): string =>
  `${a.healthy} / ${wantedOf(a)}${a.wanted === "all" ? " (all)" : ""}`;

/** How many replicas are healthy, in the colour of what that means. */
export const Health = ({ of: a }: { of: AppView }) => (
  <span class={a.healthy >= wantedOf(a) ? "" : a.healthy === 0 ? "bad-text" : "warn-text"}>
    {replicasText(a)}
  </span>
);

/** Links to apps; only such as a browser opens as a page. */
export const Open = ({ links }: { links: readonly string[] }) => (
  <>
    {links.filter((l) => /^https?:\/\//.test(l)).map((l) => (
      <a key={l} class="out" href={l} target="_blank" rel="noopener noreferrer">
        {l.replace(/^https?:\/\//, "").slice(0, 80)}
      </a>
    ))}
  </>
);
