/** A picture that says how a job's last run went. Pure: text in, SVG out. */
import { type Jobs, outcomeOf, runsByJob, type Schedule } from "../../core/mod.ts";

/** What a badge says. */
export type BadgeState = "passing" | "failing" | "cancelled" | "no runs yet";

const COLOURS: Readonly<Record<BadgeState, string>> = {
  passing: "#2b7a2b",
  failing: "#c0392b",
  cancelled: "#6b6b6b",
  "no runs yet": "#6b6b6b",
};

/** How the newest runs of a job that have ended went, of one branch or of any. */
export function badgeState(jobs: Jobs, schedule: Schedule, job: string, branch?: string): BadgeState {
  const ticks = [...schedule.ticks.values()].sort((a, b) => b.at - a.at);
  for (const tick of ticks) {
    const runs = runsByJob(jobs, tick).get(job);
    if (!runs || (branch !== undefined && tick.change?.branch !== branch)) continue;
    const { state } = outcomeOf(runs);
    if (state !== "pending") {
      return ({ success: "passing", failure: "failing", cancelled: "cancelled" } as const)[state];
    }
  }
  return "no runs yet";
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** Width of a text in pixels, about: its length is told to the reader, who fits it. */
const widthOf = (text: string): number => Math.round(text.length * 6.8) + 12;

/** The picture. */
export function badgeSvg(label: string, state: BadgeState): string {
  const left = widthOf(label), right = widthOf(state), width = left + right;
  const text = (x: number, w: number, words: string) =>
    `<text x="${x}" y="14" textLength="${w - 12}">${escaped(words)}</text>`;
  const name = escaped(`${label}: ${state}`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="20" role="img" aria-label="${name}">` +
    `<title>${name}</title>` +
    `<rect width="${width}" height="20" rx="3" fill="#444"/>` +
    `<path d="M${left} 0h${right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-${right - 3}z" fill="${
      COLOURS[state]
    }"/>` +
    `<g fill="#fff" text-anchor="start" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">` +
    `${text(6, left, label)}${text(left + 6, right, state)}</g></svg>\n`;
}
