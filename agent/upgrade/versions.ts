/** The directory `versions/`: executables of the agent by their digest, and the pointer to the one that runs. */
import type { Disk, Hasher } from "../ports.ts";
import {
  checkFile,
  type Digest,
  EXECUTABLE_HEADER_BYTES,
  RealmError,
  type ReleaseArtifact,
  unwrap,
  utf8,
} from "../protocol/mod.ts";
import { POINTER_FILE } from "../protocol/pointer_file.ts";
import { named, noPointer, parsePointer, type Pointer } from "./pointer.ts";

/** See the module's text. */
export class Versions {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #pointer: string;
  readonly #executable: string;

  /** `windows`: executables end in `.exe`. */
  constructor(disk: Disk, dataDir: string, windows: boolean) {
    this.#disk = disk;
    this.#directory = `${dataDir}/versions`;
    this.#pointer = `${dataDir}/${POINTER_FILE}`;
    this.#executable = windows ? "realm.exe" : "realm";
  }

  /** Path of an executable, whether or not it is there. */
  pathOf = (sha256: Digest): string => `${this.#directory}/${sha256}/${this.#executable}`;

  /** Whether an executable was staged whole. */
  has = async (sha256: Digest): Promise<boolean> =>
    (await this.#disk.stat(this.pathOf(sha256)))?.kind === "file";

  /** The pointer. One that cannot be read is set aside: then the executable that was installed by hand runs. */
  async read(): Promise<Pointer> {
    const path = this.#pointer;
    if (!await this.#disk.stat(path)) return noPointer;
    const parsed = parsePointer(await this.#disk.readFile(path));
    if (parsed.ok) return parsed.value;
    await this.#disk.rename(path, `${path}.damaged`);
    return noPointer;
  }

  /** Replaces the pointer, durably. */
  async write(pointer: Pointer): Promise<void> {
    await this.#disk.makeDirectory(this.#directory);
    await this.#disk.writeAtomic(this.#pointer, utf8(JSON.stringify(pointer, null, 2) + "\n"));
  }

  /**
   * Writes an executable beside those that run; it appears whole, checked and durable, or not at all. Throws what
   * `checkFile` refuses, and `disk` or `no_space`.
   */
  async stage(
    artifact: ReleaseArtifact,
    version: string,
    content: ReadableStream<Uint8Array>,
    hasher: Hasher,
  ): Promise<void> {
    const disk = this.#disk, fresh = `${this.#directory}/${artifact.sha256}.new`;
    await disk.remove(fresh);
    await disk.makeDirectory(fresh);
    try {
      const writer = await disk.create(`${fresh}/${this.#executable}`);
      const hash = hasher.sha256();
      const head = new Uint8Array(EXECUTABLE_HEADER_BYTES);
      let size = 0;
      try {
        for await (const bytes of content) {
          if (size < head.length) head.set(bytes.subarray(0, head.length - size), size);
          size += bytes.length;
          hash.update(bytes);
          await writer.write(bytes);
        }
        await writer.sync();
      } finally {
        await writer.close();
      }
      unwrap(
        checkFile(artifact, version, {
          head: head.subarray(0, Math.min(size, head.length)),
          size,
          sha256: hash.digest(),
        }),
      );
      await disk.makeExecutable(`${fresh}/${this.#executable}`);
      await disk.syncDirectory(fresh);
      await disk.remove(`${this.#directory}/${artifact.sha256}`);
      await disk.rename(fresh, `${this.#directory}/${artifact.sha256}`);
    } catch (error) {
      await disk.remove(fresh).catch(() => {});
      throw error instanceof RealmError ? error : new RealmError("disk", String(error), { cause: error });
    }
  }

  /** Removes executables that the pointer does not name, and what was never finished. */
  async sweep(): Promise<void> {
    const keep = named(await this.read());
    for (const name of await this.#disk.list(this.#directory)) {
      const isVersion = /^[0-9a-f]{64}(\.new)?$/.test(name);
      if (isVersion && !keep.has(name)) await this.#disk.remove(`${this.#directory}/${name}`);
    }
  }
}
