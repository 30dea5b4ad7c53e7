/**
 * The agent: events from the world go to the core, its effects are carried out by the parts. It owns start, stop and
 * recovery; it decides nothing itself.
 */
export { startAgent } from "./agent.ts";
export type { AgentOptions } from "./agent_options.ts";
export type { Agent } from "./running_agent.ts";
export { type LocalJobsOptions, openLocalJobs } from "./jobs/local_jobs.ts";
export { workingTreeOf } from "./git/working_tree.ts";
export { serviceOf } from "./agent_service.ts";
export * from "./service.ts";
export { FATAL_EXIT, SWITCH_EXIT } from "./supervisor.ts";
