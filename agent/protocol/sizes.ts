/** Sizes for people. */

/** Bytes in MiB, to a tenth. */
export const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
