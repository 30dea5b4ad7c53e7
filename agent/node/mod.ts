/**
 * The agent: events from the world go to the core, its effects are carried out by the parts. It owns start, stop and
 * recovery; it decides nothing itself.
 */
export * from "./service.ts";
