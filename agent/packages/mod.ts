/**
 * Packages: the `.realm` form, from a directory to a file, from blobs to a verified tree on a node, and the
 * directories that an app's guests see.
 *
 * Invariant: nothing leaves this folder as content of a package before its size and SHA-256 agreed with the
 * inventory in the manifest whose own SHA-256 is the package's digest. A tree under `artifacts/packages` is complete
 * or absent; a state volume is seeded completely, once, or absent.
 *
 * Knows nothing of the mesh, of who may deploy, of runtimes or of the gateway: they take its manifests and paths.
 */
export {
  type AppComponent,
  type AppHttp,
  type AppManifest,
  type AppMount,
  packageDigest,
  type PackageFile,
  packageNames,
} from "../protocol/package_manifest.ts";
export { type Artifacts, type ArtifactsReport, type ExtractedPackage, openArtifacts } from "./artifacts.ts";
export type { PackageWorld } from "./content.ts";
export { type CreatedPackage, type CreateOptions, createPackage, unusedFiles } from "./create.ts";
export {
  clearWork,
  listVolumes,
  type MountPlace,
  type PreparedMount,
  prepareMounts,
  recoverVolumes,
  removeVolume,
  volumeDirectory,
} from "./mounts.ts";
export { type MountUsage, mountUsage } from "./mount_usage.ts";
export { type PackageBlob, packageBlobs, type PackageReader, readPackage } from "./reader.ts";
export { type TreeEntry, treeHeader } from "./archive_layout.ts";
export { type PackedTree, packTree, unpackTree } from "./tree_tar.ts";
export { verifySignature } from "./signature.ts";
export { inspectPackage, type PackageListing, type Verification, verifyPackage } from "./verify.ts";
