/** Files that a person dropped on the page or chose: as a tree, read only when asked for. */

/** A file. */
export interface LocalFile {
  readonly kind: "file";
  readonly name: string;
  open(): Promise<File>;
}
/** A folder. */
export interface LocalFolder {
  readonly kind: "directory";
  readonly name: string;
  list(): Promise<readonly Local[]>;
}
/** A file or a folder. */
export type Local = LocalFile | LocalFolder;

const fileOf = (file: File): LocalFile => ({
  kind: "file",
  name: file.name,
  open: () => Promise.resolve(file),
});

function entryOf(entry: FileSystemEntry): Local {
  if (entry.isFile) {
    const at = entry as FileSystemFileEntry;
    return { kind: "file", name: entry.name, open: () => new Promise((done, fail) => at.file(done, fail)) };
  }
  const reader = () => (entry as FileSystemDirectoryEntry).createReader();
  return {
    kind: "directory",
    name: entry.name,
    async list() {
      const from = reader(), found: Local[] = [];
      for (;;) {
        // A reader gives at most a hundred names at a time, and an empty list at its end.
        const batch = await new Promise<FileSystemEntry[]>((done, fail) => from.readEntries(done, fail));
        if (batch.length === 0) return found;
        found.push(...batch.map(entryOf));
      }
    },
  };
}

/** What was dropped. Has to be called while the event is handled: afterwards the browser has forgotten it. */
export function droppedIn(data: DataTransfer | null): readonly Local[] {
  const items = [...data?.items ?? []].filter((i) => i.kind === "file");
  const entries = items.map((i) => i.webkitGetAsEntry());
  if (entries.length > 0 && entries.every((e) => e !== null)) return entries.map(entryOf);
  return [...data?.files ?? []].map(fileOf);
}

/** What was chosen in a file field; of a field for folders the folder. */
export function chosenIn(files: FileList | null): readonly Local[] {
  const all = [...files ?? []];
  if (all.length === 0 || !all[0].webkitRelativePath) return all.map(fileOf);
  interface Branch {
    readonly folders: Map<string, Branch>;
    readonly files: File[];
  }
  const branch = (): Branch => ({ folders: new Map(), files: [] });
  const root = branch();
  for (const file of all) {
    let at = root;
    for (const part of file.webkitRelativePath.split("/").slice(0, -1)) {
      let next = at.folders.get(part);
      if (!next) at.folders.set(part, next = branch());
      at = next;
    }
    at.files.push(file);
  }
  const list = (b: Branch): Local[] => [
    ...[...b.folders].map(([name, inside]): LocalFolder => ({
      kind: "directory",
      name,
      list: () => Promise.resolve(list(inside)),
    })),
    ...b.files.map(fileOf),
  ];
  return list(root);
}
