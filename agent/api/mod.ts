/**
 * The one surface: HTTP API, its description, and the typed client. Every check of a request stands here; the agent
 * behind it trusts its calls. It knows nothing of how a realm works.
 */
export * from "./agent_launch.ts";
export * from "./agent_process.ts";
export * from "./client.ts";
export * from "./key_seal.ts";
export * from "./launch_options.ts";
export * from "./listen.ts";
export * from "./manifest_steps.ts";
export * from "./openapi.ts";
export * from "./realm_package.ts";
export * from "./server.ts";
export * from "./signing.ts";
