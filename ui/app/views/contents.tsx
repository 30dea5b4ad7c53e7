/** The files of a package: folder by folder, each shown as text, an image or bytes, never as anything that runs. */
import { useEffect, useState } from "preact/hooks";
import type { AppManifest, PackageFile } from "../../../mod.ts";
import { firstBytes, neededBytes, type Preview, previewOf } from "../files/preview.ts";
import { bytes, counted } from "../format.ts";
import { Icon } from "../icons.tsx";
import { Dialog } from "../dialog.tsx";
import { Name, Panel, sentence, Table } from "../parts.tsx";

const SHOWN = 400;

interface Folder {
  readonly name: string;
  readonly files: number;
  readonly size: number;
}

/** What stands directly in a folder: `dir` is empty for the root, else it ends with a slash. */
export function inFolder(
  files: readonly PackageFile[],
  dir: string,
): { readonly folders: readonly Folder[]; readonly files: readonly PackageFile[] } {
  const folders = new Map<string, { files: number; size: number }>();
  const here: PackageFile[] = [];
  for (const file of files) {
    if (!file.path.startsWith(dir)) continue;
    const slash = file.path.indexOf("/", dir.length);
    if (slash < 0) here.push(file);
    else {
      const name = file.path.slice(dir.length, slash);
      const sum = folders.get(name) ?? { files: 0, size: 0 };
      folders.set(name, { files: sum.files + 1, size: sum.size + file.size });
    }
  }
  return { folders: [...folders].map(([name, sum]) => ({ name, ...sum })), files: here };
}

/** See the module's text. */
export function Contents(
  { manifest, read }: {
    manifest: AppManifest;
    read: (file: PackageFile) => Promise<ReadableStream<Uint8Array>>;
  },
) {
  const [dir, setDir] = useState("");
  const [wanted, setWanted] = useState("");
  const [shown, setShown] = useState<PackageFile>();
  const seek = wanted.toLowerCase();
  const found = seek === ""
    ? inFolder(manifest.files, dir)
    : { folders: [], files: manifest.files.filter((f) => f.path.toLowerCase().includes(seek)) };
  const parts = dir.split("/").filter((p) => p !== "");
  const total = found.folders.length + found.files.length;
  return (
    <Panel
      title="Files"
      aside={
        <input
          type="search"
          placeholder="Find a path"
          aria-label="Find a path"
          value={wanted}
          onInput={(e) => setWanted(e.currentTarget.value)}
        />
      }
    >
      {seek === "" && (
        <p class="trail">
          <button type="button" class="quiet" onClick={() => setDir("")}>
            <Icon is="package" />
            {manifest.name}
          </button>
          {parts.map((part, i) => (
            <>
              /
              <button
                type="button"
                class="quiet"
                onClick={() => setDir(parts.slice(0, i + 1).join("/") + "/")}
              >
                <Name text={part} />
              </button>
            </>
          ))}
        </p>
      )}
      <Table
        label="Files"
        head={["Name", "Size", "SHA-256"]}
        rows={[
          ...found.folders.map((f) => ({
            key: `${f.name}/`,
            cells: [
              <button type="button" class="link" onClick={() => setDir(`${dir}${f.name}/`)}>
                <Icon is="folder" />
                <Name text={f.name} />
              </button>,
              bytes(f.size),
              counted(f.files, "file"),
            ],
          })),
          ...found.files.map((f) => ({
            key: f.path,
            cells: [
              <button type="button" class="link" onClick={() => setShown(f)}>
                <Icon is="file" />
                <Name text={seek === "" ? f.path.slice(dir.length) : f.path} />
              </button>,
              bytes(f.size),
              <code title={f.sha256}>{f.sha256.slice(0, 12)}</code>,
            ],
          })),
        ].slice(0, SHOWN)}
      />
      {total > SHOWN && <p class="muted">{SHOWN} of {total} are shown; find one by its path.</p>}
      {total === 0 && <p class="muted">{seek ? "No path contains this." : "It has no files."}</p>}
      {shown && <Show key={shown.path} file={shown} read={read} onClose={() => setShown(undefined)} />}
    </Panel>
  );
}

function Show(
  { file, read, onClose }: {
    file: PackageFile;
    read: (file: PackageFile) => Promise<ReadableStream<Uint8Array>>;
    onClose: () => void;
  },
) {
  const [state, setState] = useState<{ preview?: Preview; error?: string }>({});
  useEffect(() => {
    let open = true;
    (async () => {
      try {
        const content = await firstBytes(await read(file), neededBytes(file.path, file.size));
        if (open) setState({ preview: previewOf(file.path, file.size, content) });
      } catch (error) {
        if (open) setState({ error: sentence(error) });
      }
    })();
    return () => void (open = false);
  }, [file]);
  const { preview: p, error } = state;
  return (
    <Dialog title={file.path} kind="broad" onClose={onClose}>
      <p class="muted">
        {bytes(file.size)}
        {p?.as === "bytes" && ` · ${p.about}, its first bytes`}
        {p?.as === "text" && p.cut && " · the beginning"}
      </p>
      {error && <p class="error">{error}</p>}
      {!p && !error && <p class="muted">Loading …</p>}
      {p?.as === "text" && (
        <pre class="preview" tabIndex={0} aria-label="Content">{p.text || "It is empty."}</pre>
      )}
      {p?.as === "bytes" && <pre class="preview dump" tabIndex={0} aria-label="First bytes">{p.text}</pre>}
      {p?.as === "image" && <img class="preview" src={p.url} alt={`The image ${file.path.slice(0, 80)}`} />}
    </Dialog>
  );
}
