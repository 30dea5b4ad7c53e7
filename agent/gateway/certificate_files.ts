/** TLS certificate files, looked at again and again: a renewed certificate is used without a restart. */
import type { Log } from "../ports.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import { RealmError } from "../protocol/errors.ts";

/** PEM files of the operator. */
export interface CertificateFiles {
  /** Certificate with its chain. */
  readonly cert: string;
  readonly key: string;
  /** How often the files are looked at; default `gatewayLimits.certificatePollMs`. */
  readonly pollMs?: number;
}

/** A certificate with its key, PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Reads the files. Throws `RealmError("not_found")` naming the file. */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const read = async (path: string) => {
    try {
      return await Deno.readTextFile(path);
    } catch (cause) {
      throw new RealmError("not_found", `Cannot read ${path} for TLS; check the path and its permissions.`, {
        cause,
      });
    }
  };
  return { cert: await read(files.cert), key: await read(files.key) };
}

/**
 * Calls `changed` with each new content of the files (by content, so that links being swapped are noticed). `changed`
 * may throw when the pair is unusable: it stands in the log, and the old one stays in use. Returns the end of it.
 */
export function watchCertificate(
  files: CertificateFiles,
  first: Certificate,
  changed: (next: Certificate) => Promise<void>,
  log: Log,
): () => void {
  let current = first, refused: string | undefined, busy = false;
  const look = async () => {
    if (busy) return;
    busy = true;
    try {
      const next = await readCertificate(files);
      if (next.cert === current.cert && next.key === current.key) return;
      if (refused === next.cert + next.key) return;
      refused = next.cert + next.key;
      await changed(next);
      current = next;
      refused = undefined;
      log.info("TLS certificate reloaded", { file: files.cert });
    } catch (error) {
      log.warn("TLS certificate not reloaded; the old one stays in use", {
        file: files.cert,
        why: String(error),
      });
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(look, files.pollMs ?? gatewayLimits.certificatePollMs);
  return () => clearInterval(timer);
}
