/** Icons: strokes on a grid of 16, drawn in the colour of the text beside them; a word always stands with them. */

const PATHS = {
  overview: "M2.5 2.5h4.5v4.5h-4.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5h-4.5zM9 9h4.5v4.5H9z",
  node: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
  app: "M8 1.8 13.5 5v6L8 14.2 2.5 11V5zM2.5 5 8 8.2 13.5 5M8 8.2v6",
  job: "M5 3.5 12.5 8 5 12.5z",
  package: "M2.5 5.5h11v8h-11zM2.5 5.5 4.5 2.5h7l2 3M6.5 8.5h3",
  storage: "M2.5 4c0-2.6 11-2.6 11 0s-11 2.6-11 0zM2.5 4v8c0 2.6 11 2.6 11 0V4M2.5 8c0 2.6 11 2.6 11 0",
  audit: "M4 2.5h8v11H4zM6.5 5.5h3M6.5 8h3M6.5 10.5h2",
  key: "M10.5 8.5a3 3 0 1 0-2.6-1.5L2.5 12.4v1.6h2v-1.5H6V11h1.5l1.6-1.6M11.5 4.5h.01",
  apply: "M4 2.5h5.5l3 3v8H4zM9.5 2.5v3h3M6.5 9l1.5 1.5 2.5-3",
  rollout: "M2.5 12.5h3v-3h3v-3h3v-3h2",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.2 3.2",
  copy: "M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1",
  check: "M3 8.5 6.5 12 13 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  trash: "M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.5 9h6l.5-9",
  back: "M3 7h6.5a3.5 3.5 0 0 1 0 7H6M3 7l3-3M3 7l3 3",
  scale: "M3 6V3h3M13 6V3h-3M3 10v3h3M13 10v3h-3",
  stop: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM3.8 3.8l8.4 8.4",
  play: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.5 5.5 10.5 8l-4 2.5z",
  drain: "M6.5 2.5h-4v11h4M6 8h7.5M10.5 5l3 3-3 3",
  tag: "M2.5 2.5h5l6 6-5 5-6-6zM5.2 5.2h.01",
  upload: "M8 10.5v-8M5 5.5l3-3 3 3M2.5 10v3.5h11V10",
  download: "M8 2.5v8M5 7.5l3 3 3-3M2.5 10v3.5h11V10",
  pin: "M6 2.5h4l-.5 4 2.5 3H4l2.5-3zM8 9.5v4.5",
  out: "M7 3H3v10h10V9M9.5 2.5h4v4M13.5 2.5 7.5 8.5",
  warn: "M8 2.5 14 13H2zM8 6.5v3M8 11.3h.01",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.5v3.5M8 5h.01",
  right: "M6 3.5 10.5 8 6 12.5",
  down: "M3.5 6 8 10.5 12.5 6",
  up: "M3.5 10 8 5.5 12.5 10",
  pulse: "M1.5 8.5h3l2-5 3 9 2-4h3",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  leave: "M6.5 2.5h-4v11h4M10.5 5l3 3-3 3M13 8H6",
  file: "M4 2.5h5.5l3 3v8H4zM9.5 2.5v3h3",
  folder: "M2.5 12.5v-9h4l1.5 2h5.5v7z",
  image: "M2.5 3h11v10h-11zM5.5 6h.01M2.5 11.5 6 8.5l2.5 2 2.5-2.5 2.5 2.5",
  invite: "M6.5 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM2 13.5c0-4 9-4 9 0M12.5 5v4M10.5 7h4",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  shield: "M8 1.8 13 3.8v4c0 3.2-2.2 5.4-5 6.4-2.8-1-5-3.2-5-6.4v-4zM5.8 7.8 7.4 9.4 10.4 6.2",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.5V8l2.5 1.5",
  link: "M6.5 9.5l3-3M7 4.5l1.5-1.5a2.8 2.8 0 0 1 4 4L11 8.5M9 11.5 7.5 13a2.8 2.8 0 0 1-4-4L5 7.5",
  chart: "M2.5 2.5v11h11M5 10l2.5-3 2 2L13 4.5",
  log: "M2.5 3h11v10h-11zM5 6.5 6.5 8 5 9.5M8.5 10h2.5",
  volume: "M2.5 4.5h11v7h-11zM5 8h.01M8 8h3",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5V5h-2.5",
} as const;
/** Name of an icon. */
export type IconName = keyof typeof PATHS;

/** An icon; says nothing to screen readers. */
export const Icon = ({ is }: { is: IconName }) => (
  <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
    <path d={PATHS[is]} />
  </svg>
);

/** The mark of Realm. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <path d="M9 21 16 9l7 12z" fill="none" stroke="currentColor" stroke-width="2" />
    <circle cx="16" cy="9" r="3.2" />
    <circle cx="9" cy="21" r="3.2" />
    <circle cx="23" cy="21" r="3.2" />
  </svg>
);
