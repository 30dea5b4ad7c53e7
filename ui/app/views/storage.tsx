/** Storage: what is kept, where, in how many copies, and what needs it. */
import { signal } from "@preact/signals";
import { type BlobView, type RealmClient, shortId } from "../../../mod.ts";
import { blobActions } from "../actions/blob_actions.ts";
import { Buttons } from "../confirm.tsx";
import { bytes, counted } from "../format.ts";
import { nodes } from "../live.ts";
import { Bar, Empty, Facts, Id, Name, Panel, say, State, Table, Tags, useFetched } from "../parts.tsx";
import { to } from "../router.ts";
import { may } from "../session.ts";
import { Download } from "./download_button.tsx";
import { PutFile, putting } from "./put_file.tsx";
import { Filter } from "./why.tsx";
import { DropZone } from "./drop_zone.tsx";

const filter = signal("");
/** Rows drawn; a filter finds the others. */
const SHOWN = 400;
/** Pinned blobs whose holders are asked for with a list: each costs the node a question to others. */
const LOOKED_UP = 40;

/** Whether a promise is kept: `healthy`, `degraded (2/3)`, `lost`. */
export function health(b: BlobView): string {
  if (!b.pin) return b.references.length > 0 ? "in use" : "not pinned";
  if (b.holders.length >= b.pin.copies) return "healthy";
  return b.holders.length === 0 ? "lost" : `degraded (${b.holders.length}/${b.pin.copies})`;
}

/** The list tells only what the node itself holds; who else holds what is pinned is asked blob by blob. */
async function listBlobs(client: RealmClient): Promise<readonly BlobView[]> {
  const all = await client.blobs();
  const pinned = all.filter((b) => b.pin).slice(0, LOOKED_UP);
  const looked = await Promise.all(pinned.map((b) => client.blob(b.digest).catch(() => b)));
  const known = new Map(looked.map((b) => [b.digest, b]));
  const weight = (b: BlobView) => b.pin ? 0 : b.references.length > 0 ? 1 : 2;
  return all.map((b) => known.get(b.digest) ?? b).toSorted((a, b) =>
    weight(a) - weight(b) || b.size - a.size
  );
}

const sizeOf = (b: BlobView) => b.size === 0 && !b.here ? "–" : bytes(b.size);

/** All blobs that the answering node knows. */
export function Storage() {
  const { value, error } = useFetched("storage", listBlobs);
  const all = value ?? [];
  const wanted = filter.value.toLowerCase();
  const shown = all.filter((b) =>
    `${b.name ?? ""} ${b.digest} ${b.references.join(" ")}`.toLowerCase().includes(wanted)
  );
  const here = all.filter((b) => b.here);
  return (
    <>
      <div class="title">
        <h1>Storage</h1>
        <span class="muted">
          {value &&
            `${bytes(here.reduce((n, b) => n + b.size, 0))} in ${counted(here.length, "blob")} at this node`}
        </span>
        <Filter of={filter} count={`${shown.length} of ${all.length}`} />
      </div>
      {may("operator") && (
        <Panel title="Keep a file">
          <DropZone
            text="Drop a file here: it is stored under its SHA-256 and kept in as many copies as you say"
            onDrop={([one]) => {
              if (one?.kind === "file") void one.open().then((file) => putting.value = file);
              else say("Storage keeps files; make a package of a folder.", true);
            }}
          />
        </Panel>
      )}
      <Panel title="Blobs">
        {error && <p class="error">{error}</p>}
        {value && all.length === 0
          ? <Empty text="Nothing is stored yet. Store a file:" command="realm storage put FILE" />
          : (
            <Table
              label="Blobs"
              head={["Name", "Digest", "Size", "Health", "Copies", "Needed by", "Here"]}
              rows={shown.slice(0, SHOWN).map((b) => ({
                key: b.digest,
                cells: [
                  b.name ? <Name text={b.name} /> : "–",
                  <a href={to("storage", b.digest)}>
                    <Id id={b.digest} short={shortId(b.digest)} />
                  </a>,
                  sizeOf(b),
                  <State is={health(b)} />,
                  b.pin ? `${b.pin.copies} wished` : "–",
                  b.references.length === 0 ? "–" : <Name text={b.references.join(", ")} />,
                  b.here ? "yes" : "no",
                ],
              }))}
            />
          )}
        {shown.length > SHOWN && <p class="muted">{SHOWN} are shown; filter to find others.</p>}
      </Panel>
      {putting.value && <PutFile key={putting.value.name} file={putting.value} />}
    </>
  );
}

/** One blob, by digest or name. */
export function Blob({ name }: { name: string }) {
  const { value: b, error, isNone } = useFetched(`blob ${name}`, (c) => c.blob(name));
  const nameOf = (id: string) => nodes.value?.find((n) => n.id === id)?.name ?? shortId(id);
  return (
    <>
      <p class="crumbs">
        <a href="/storage">Storage</a>
      </p>
      <div class="title">
        <h1>
          {b?.name
            ? <Name text={b.name} />
            : !b && isNone
            ? "No such blob"
            : <code>{shortId(b?.digest ?? name)}</code>}
        </h1>
        {b && <State is={health(b)} />}
        {b && (
          <span class="buttons">
            <Download digest={b.digest} name={b.name ?? `${shortId(b.digest)}.blob`} size={b.size} />
            <Buttons of={blobActions(b)} />
          </span>
        )}
      </div>
      {!b && (error ? <Empty text={error} command="realm storage list" /> : <p class="muted">Loading …</p>)}
      {b && (
        <div class="columns even">
          <Panel title="What it is">
            <Facts
              of={[
                ["SHA-256", <code>{b.digest}</code>],
                ["Size", sizeOf(b)],
                ["Chunks", b.chunks ? `${b.chunks}, shared with similar content` : "one piece"],
                ["Needed by", b.references.length > 0 ? <Tags tags={b.references} /> : "nothing"],
                ["Package", b.references.length > 0 && <a href={to("packages", b.digest)}>look into it</a>],
                ["Here", b.here ? "all of it" : "no"],
              ]}
            />
          </Panel>
          <Panel title="Copies">
            {b.pin && (
              <Bar
                goal
                part={b.holders.length}
                whole={b.pin.copies}
                text={`${b.holders.length} known of ${b.pin.copies} wished${
                  b.pin.tags.length > 0 ? `, on ${b.pin.tags.join(" ")}` : ""
                }`}
              />
            )}
            {b.holders.length === 0
              ? <Empty text="No holder is known now." command="realm node list" />
              : (
                <Table
                  label="Holders"
                  head={["Node", "State"]}
                  rows={b.holders.map((id) => ({
                    key: id,
                    cells: [
                      <a href={to("nodes", id)}>
                        <Name text={nameOf(id)} />
                      </a>,
                      <State is={nodes.value?.find((n) => n.id === id)?.state ?? "unknown"} />,
                    ],
                  }))}
                />
              )}
            {!b.pin && (
              <Empty
                text="No promise keeps it beyond what needs it. Pin it:"
                command={`realm storage pin ${b.digest}`}
              />
            )}
          </Panel>
        </div>
      )}
    </>
  );
}
