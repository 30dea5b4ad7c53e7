/**
 * What nodes, commands and browsers agree on: identities, envelopes, grants, commands, invites, records, messages,
 * error codes, limits. Browser-safe and pure: no clock, no randomness, no I/O. It knows nothing of how a node decides.
 */
export * from "./app_spec.ts";
export * from "./app_views.ts";
export * from "./capability.ts";
export * from "./command.ts";
export * from "./data_dir.ts";
export * from "./encoding.ts";
export * from "./envelope.ts";
export * from "./errors.ts";
export * from "./executable.ts";
export * from "./forge.ts";
export * from "./forge_limits.ts";
export * from "./git_address.ts";
export * from "./git_limits.ts";
export { matchesGlob, matchesGlobs } from "./glob.ts";
export * from "./grant.ts";
export * from "./identity.ts";
export * from "./invite.ts";
export * from "./job_limits.ts";
export * from "./cache_use.ts";
export * from "./job_record.ts";
export * from "./job_spec.ts";
export * from "./job_trigger.ts";
export type * from "./job_views.ts";
export * from "./key_file.ts";
export * from "./limits.ts";
export type * from "./local_run.ts";
export * from "./message.ts";
export * from "./monitor_answers.ts";
export * from "./monitor_views.ts";
export * from "./package_manifest.ts";
export * from "./policy.ts";
export * from "./record.ts";
export * from "./release.ts";
export { parseRoute, type Route, showRoute } from "./routes.ts";
export * from "./secret.ts";
export * from "./service_spec.ts";
export * from "./session.ts";
export type * from "./storage_views.ts";
export * from "./toml.ts";
export * from "./upgrade.ts";
export * from "./upgrade_limits.ts";
export type * from "./upgrade_views.ts";
export type * from "./views.ts";
export * from "./wire_values.ts";
