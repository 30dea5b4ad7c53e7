/** SHA-256 of a file, told as it goes. */
import type { Digest } from "../../../mod.ts";
import { hasher } from "./package_world.ts";

/** Hashes while `open` says that somebody still waits for it. */
export async function digestOf(
  file: Blob,
  tell: (bytes: number) => void,
  open: () => boolean,
): Promise<Digest> {
  const hash = hasher.sha256();
  const reader = file.stream().getReader();
  let size = 0;
  for (let next = await reader.read(); !next.done && open(); next = await reader.read()) {
    hash.update(next.value);
    tell(size += next.value.length);
  }
  return hash.digest();
}
