/** Events, and what they are about. */
import type { EventView, NodeView } from "../../../mod.ts";
import { apps, nodes } from "../live.ts";
import { Name, Time } from "../parts.tsx";
import { to } from "../router.ts";

/** Address of what an event is about; `undefined` where there is no view of it. */
export function aboutOf(e: EventView, all: readonly NodeView[] | undefined): string | undefined {
  if (e.target === undefined) return undefined;
  if (all?.some((n) => n.id === e.target)) return to("nodes", e.target);
  if (apps.value?.some((a) => a.name === e.target)) return to("apps", e.target);
  return undefined;
}
/** An event as a sentence; entries of the audit name what they acted on besides. */
export const sentenceOf = (e: EventView): string =>
  e.topic === "audit" && e.target && e.target.length < 64 ? `${e.what}: ${e.target}` : e.what;
/** How grave an event is, as a tone. */
export const graveness = (e: EventView): "bad" | "warn" | "calm" =>
  e.severity === "error" ? "bad" : e.severity === "warning" ? "warn" : "calm";

/** Whether an event tells more than the entry of the audit that went before: the audit's own only where one was refused. */
export const told = (e: EventView): boolean => e.topic !== "audit" || e.severity !== undefined;

/** The newest events first. */
export const Feed = ({ of }: { of: readonly EventView[] }) => {
  const all = nodes.value;
  return (
    <ul class="feed">
      {of.map((e) => {
        const about = aboutOf(e, all), text = sentenceOf(e);
        return (
          <li key={e.n} class={graveness(e)}>
            {about
              ? (
                <a href={about}>
                  <Name text={text} />
                </a>
              )
              : <Name text={text} />}
            <small>
              <Time at={e.at} />
            </small>
          </li>
        );
      })}
    </ul>
  );
};
