/** What lists and details of apps share. */
import { type AppView, countReplicas } from "../../../mod.ts";

/** `2 / 3`; of an app on all nodes `3 / 3 (all)`; with those that ended and are to stay so. */
export function replicasText(a: AppView): string {
  const { healthy, wanted, ended } = countReplicas(a);
  return `${healthy} / ${wanted}${a.wanted === "all" ? " (all)" : ""}${ended > 0 ? `, ${ended} ended` : ""}`;
}

/** How many replicas are healthy, in the colour of what that means. */
export const Health = ({ of: a }: { of: AppView }) => (
  <span class={countReplicas(a).well ? "" : a.healthy === 0 ? "bad-text" : "warn-text"}>
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
