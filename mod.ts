/**
 * The public library of Realm: protocol types, keys and signing, and a typed client of a node's API.
 *
 * ```ts
 * import { createClient, newSeed, signerFromSeed } from "./mod.ts";
 *
 * const signer = signerFromSeed(newSeed());
 * const client = createClient({
 *   url: "http://127.0.0.1:7481",
 *   credentials: () => ({ realm: "z6Mk…", signer, grants: [] }),
 * });
 * // for (const app of await client.apps()) console.log(app.name, app.phase);
 * console.log(typeof client.apps);
 * ```
 * @module
 */
export {
  type AuditQuery,
  type ClientOptions,
  createClient,
  type Credentials,
  type LogQuery,
  type MetricsQuery,
  type RealmClient,
  type RunLogQuery,
  type RunQuery,
} from "./agent/api/client.ts";
export {
  findJobFiles,
  type FoundFiles,
  type JobUpload,
  type LazyClient,
  type LocatedFile,
} from "./agent/api/job_files.ts";
export { artifactOf } from "./agent/api/artifacts.ts";
export { makeKeyFile, signerOfKeyFile } from "./agent/api/key_seal.ts";
export { type ManifestStep, manifestSteps, type StepSources } from "./agent/api/manifest_steps.ts";
export { rerunFailedWish, rerunWish } from "./agent/api/job_rerun.ts";
export { readAtMost, readRealmPackage, type RealmPackage } from "./agent/api/realm_package.ts";
export { checkSecret, sealSecret, type SecretDraft } from "./agent/api/secret_sealing.ts";
export { newSeed, signerFromSeed, verifier } from "./agent/api/signing.ts";
export {
  type PlannedNode,
  type PlanOptions,
  planUpgrade,
  type UpgradePlan,
} from "./agent/api/upgrade_planning.ts";
export type { UploadOptions, UploadSource } from "./agent/api/uploading.ts";
export { capabilities, type Capability } from "./agent/protocol/capability.ts";
export type { AppSpec, DeployWish, Replicas } from "./agent/protocol/app_spec.ts";
export {
  type CommandBodies,
  type CommandBody,
  type CommandKind,
  sealCommand,
  type SignedCommand,
} from "./agent/protocol/command.ts";
export {
  type AgentFile,
  dataFiles,
  type GrantFile,
  parseAgentFile,
  parseGrantFile,
  parseRealmFile,
  type RealmFile,
} from "./agent/protocol/data_dir.ts";
export {
  fileKey,
  filesOf,
  type FoundFile,
  type JobFile,
  type JobManifest,
  type JobWishes,
  jobWishes,
} from "./agent/protocol/job_plan.ts";
export { type Forge } from "./agent/protocol/forge.ts";
export { type Change, changeText, type Trigger, whenText } from "./agent/protocol/job_trigger.ts";
export {
  type Artifact,
  type AttemptReport,
  type AttemptState,
  type RunEnd,
  type RunPhase,
} from "./agent/protocol/job_record.ts";
export { cacheText, type CacheUse } from "./agent/protocol/cache_use.ts";
export {
  type GitInput,
  type JobRunSpec,
  type NativeWork,
  runIdsOf,
  type RunInput,
  type RunOutput,
  type ScheduleWish,
  type SubmitWish,
} from "./agent/protocol/job_spec.ts";
export type { ServiceSpec, StopSignal } from "./agent/protocol/service_spec.ts";
export type { Overlap, ScheduleTiming } from "./agent/protocol/job_schedule.ts";
export type {
  AttemptView,
  JobPlanView,
  RunLogView,
  RunView,
  ScheduleView,
  TickView,
  TriggerView,
} from "./agent/protocol/job_views.ts";
export type * from "./agent/protocol/job_written.ts";
export type * from "./agent/protocol/local_run.ts";
export { type ImportedWorkflow, importWorkflow } from "./agent/protocol/workflow_import.ts";
export { type Delegation, formatDelegation, parseDelegation } from "./agent/protocol/delegation.ts";
export { type GitAddress, parseGitAddress } from "./agent/protocol/git_address.ts";
export { fromBase64Url, toBase64Url, toHex, utf8 } from "./agent/protocol/encoding.ts";
export { type Envelope, envelopeId } from "./agent/protocol/envelope.ts";
export * from "./agent/protocol/errors.ts";
export { type Grant, type RevokedAt, type Role, roles, sealGrant } from "./agent/protocol/grant.ts";
export {
  type Digest,
  digestOf,
  isDigest,
  isKeyId,
  isNodeId,
  type KeyId,
  keyIdOf,
  type NodeId,
  nodeIdOf,
  type RealmId,
  shortId,
  type Signer,
  type Verifier,
} from "./agent/protocol/identity.ts";
export {
  type Invite,
  inviteId,
  inviteToken,
  parseInviteToken,
  sealInvite,
  type SignedInvite,
} from "./agent/protocol/invite.ts";
export {
  formatKeyFile,
  type KeyFile,
  keyFileId,
  type KeyKind,
  keyKinds,
  parseKeyFile,
  type SealedSeed,
} from "./agent/protocol/key_file.ts";
export {
  type AppComponent,
  type AppHttp,
  type AppManifest,
  type AppMount,
  appSpecOf,
  type AppStatic,
  type CacheRule,
  packageDigest,
  type PackageFile,
  type SnapshotPlan,
} from "./agent/protocol/package_manifest.ts";
export {
  type AppFigure,
  appFigures,
  type ConnectionView,
  type MetricsView,
  type MountsView,
  type MountView,
  type NodeFigure,
  nodeFigures,
  type RolloutView,
} from "./agent/protocol/monitor_views.ts";
export { type Route, showRoute } from "./agent/protocol/routes.ts";
export type { KeyPath } from "./agent/protocol/toml_positions.ts";
export { showKey, type TomlProblem, type TomlRefusal, type TomlResult } from "./agent/protocol/toml.ts";
export {
  type AppWish,
  type KeyWish,
  manifestKeys,
  type NodeWish,
  parseRealmManifest,
  type PinWish,
  type PolicyTable,
  type RealmManifest,
  type SecretTable,
} from "./agent/protocol/realm_manifest.ts";
export {
  type CreatedPackage,
  type CreateOptions,
  createPackage,
  inspectPackage,
  type PackageBlob,
  packageBlobs,
  type PackageListing,
  type PackageReader,
  type PackageWorld,
  type PackedTree,
  packTree,
  readPackage,
  type Verification,
  verifyPackage,
} from "./agent/packages/mod.ts";
export type { DirectoryEntry, Disk, DiskWriter, FileInfo, Hasher, Sha256 } from "./agent/ports.ts";
export { limits, timing } from "./agent/protocol/limits.ts";
export {
  type NetworkReach,
  type Policy,
  policyChoices,
  type PolicyRule,
  policyRules,
  type PolicySettings,
  type PolicyWish,
  readPolicyValue,
  type SandboxLevel,
} from "./agent/protocol/policy.ts";
export { EXECUTABLE_HEADER_BYTES, type Platform } from "./agent/protocol/executable.ts";
export {
  artifactFor,
  asSigned,
  type Builder,
  checkFile,
  mayFollow,
  openRelease,
  orderVersions,
  parseSignedRelease,
  platforms,
  readExecutable,
  readRelease,
  type Release,
  RELEASE_FILE,
  type ReleaseArtifact,
  type ReleaseJudge,
  type ReleaseManifest,
  releaseManifest,
  type SeenFile,
  type SignedRelease,
  signRelease,
} from "./agent/protocol/release.ts";
export { type NodeInfo, type ReplicaState, replicaStates } from "./agent/protocol/record.ts";
export { type KeyForm, type KnownKey, nearest } from "./agent/protocol/schema_problems.ts";
export {
  describeScope,
  type NodeRef,
  openScope,
  type RunSecret,
  type SecretBox,
  secretLimits,
  type SecretScope,
  type SecretScopeWish,
  type SecretView,
  type SecretWish,
} from "./agent/protocol/secret.ts";
export {
  sealSession,
  type SessionChallengeView,
  type SessionView,
  type SignedSession,
} from "./agent/protocol/session.ts";
export {
  type UpgradeNodeState,
  type UpgradeResume,
  upgradeStates,
  type UpgradeWish,
} from "./agent/protocol/upgrade.ts";
export type * from "./agent/protocol/upgrade_views.ts";
export type * from "./agent/protocol/views.ts";
export * from "./agent/protocol/app_views.ts";
export type * from "./agent/protocol/storage_views.ts";
