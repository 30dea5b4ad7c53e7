/**
 * Figures over time: samples of this node and of the apps on it, kept fine for a day and coarse for a month, and asked
 * for between nodes.
 *
 * Invariant: what is kept is bounded (`monitorLimits`), and keeping it costs an idle agent next to nothing: one sample
 * in ten seconds, one transaction a minute.
 *
 * It does not know where a figure comes from, nor what an app or a realm is: samples are handed in.
 */
export { averaged, type Figures, figuresOf, type Kind, summed } from "./figures.ts";
export { createMonitor, type Monitor, type MonitorOptions, type Samples } from "./monitor.ts";
export { percentile } from "./latency.ts";
export { type ClockOffset, clockProblem, createClockOffset } from "./clock_offset.ts";
export { askPeer, type PeerAnswers, type PeerQuestion, ping, type Pong, servePeers } from "./peers.ts";
export { type Family, prometheusText } from "./prometheus.ts";
export { type Grid, grid, rowsOf, type Series, seriesOf } from "./series.ts";
