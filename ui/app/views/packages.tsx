/** Packages: those that the realm knows, and one that is dropped here to be looked at and deployed. */
import { signal } from "@preact/signals";
import { type BlobView, shortId } from "../../../mod.ts";
import { type PackageReader, readPackage } from "../../../mod.ts";
import { type Local } from "../files/local_files.ts";
import { worldOf } from "../files/package_world.ts";
import { Icon } from "../icons.tsx";
import { Empty, Id, Name, Panel, sentence, Table, useFetched } from "../parts.tsx";
import { go, to } from "../router.ts";
import { may } from "../session.ts";
import { DropZone } from "./drop_zone.tsx";
import { Filter } from "./why.tsx";

const filter = signal("");
/** The package that was dropped; gone with the page. */
export const local = signal<{ readonly from: Local; readonly reader: PackageReader } | undefined>(undefined);
/** What a dropped package is called in addresses: it has no place in the realm yet. */
export const LOCAL = "local";
const state = signal<{ readonly busy?: string; readonly error?: string }>({});

/** Opens what was dropped or chosen; refuses with the path or the key that is wrong. */
export async function openLocal(all: readonly Local[]): Promise<void> {
  if (all.length === 0) return;
  if (all.length > 1) {
    return void (state.value = { error: "one package at a time: a .realm file or a folder" });
  }
  state.value = { busy: all[0].name };
  try {
    const reader = await readPackage(worldOf(all[0]), all[0].name);
    local.value = { from: all[0], reader };
    state.value = {};
    go(to("packages", LOCAL));
  } catch (error) {
    state.value = { error: sentence(error) };
  }
}

/** Where a package is dropped. */
export const PackageDrop = () => (
  <>
    <DropZone
      text="Drop a .realm file or a package's folder here"
      busy={state.value.busy && `Reading ${state.value.busy} …`}
      folders
      accept=".realm"
      onDrop={(all) => void openLocal(all)}
    />
    {state.value.error && (
      <div class="error" role="alert">
        <pre class="wrapped">{state.value.error}</pre>
      </div>
    )}
  </>
);

interface Known {
  readonly digest: string;
  readonly app: string;
  readonly version: string;
  readonly here: boolean;
}
/** Packages among blobs: each is named by the apps that have or had it. */
function packagesOf(blobs: readonly BlobView[]): readonly Known[] {
  return blobs.flatMap((b) =>
    b.references.map((reference) => {
      const at = reference.indexOf(" ");
      return {
        digest: b.digest,
        app: reference.slice(0, at),
        version: reference.slice(at + 1),
        here: b.here,
      };
    })
  ).sort((a, b) => a.app === b.app ? (a.version < b.version ? 1 : -1) : a.app < b.app ? -1 : 1);
}

/** All packages. */
export function Packages() {
  const { value, error } = useFetched("packages", (c) => c.blobs());
  const all = packagesOf(value ?? []);
  const wanted = filter.value.toLowerCase();
  const shown = all.filter((p) => `${p.app} ${p.version} ${p.digest}`.toLowerCase().includes(wanted));
  return (
    <>
      <div class="title">
        <h1>Packages</h1>
        <Filter of={filter} count={`${shown.length} of ${all.length}`} />
      </div>
      <Panel title={may("operator") ? "Look at a package, deploy it" : "Look at a package"}>
        <PackageDrop />
        {local.value && (
          <p>
            <a href={to("packages", LOCAL)}>
              <Icon is="package" /> <Name text={local.value.from.name} />
            </a>{" "}
            <span class="muted">is open</span>
          </p>
        )}
      </Panel>
      <Panel title="Deployed now or before">
        {error && <p class="error">{error}</p>}
        {value && all.length === 0
          ? (
            <Empty
              text="No package was deployed yet. Make one of a folder with a manifest.toml:"
              command="realm package create my-app"
            />
          )
          : (
            <Table
              label="Packages"
              head={["App", "Version", "Package", "Here"]}
              rows={shown.slice(0, 500).map((p) => ({
                key: `${p.digest} ${p.app}`,
                cells: [
                  <a href={to("apps", p.app)}>
                    <Name text={p.app} />
                  </a>,
                  <Name text={p.version} />,
                  <a href={to("packages", p.digest)}>
                    <Id id={p.digest} short={shortId(p.digest)} />
                  </a>,
                  p.here ? "yes" : "on other nodes",
                ],
              }))}
            />
          )}
      </Panel>
    </>
  );
}
