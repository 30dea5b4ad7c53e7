/** Text of `SHA256SUMS`, as `sha256sum --check` reads it. What is signed of a release is `agent/protocol/release.ts`. */
export const checksums = (files: readonly { readonly file: string; readonly sha256: string }[]): string =>
  [...files].sort((a, b) => a.file < b.file ? -1 : 1).map(({ file, sha256 }) => `${sha256}  ${file}\n`).join(
    "",
  );
