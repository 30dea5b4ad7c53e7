/** `realm storage …`. */
import { type BlobView, type Digest, isDigest, type RealmClient, RealmError, shortId } from "../mod.ts";
import { connect } from "./connection.ts";
import { bytes, type Cell, facts, print, stateCell, table } from "./display.ts";
import { type Handler, type Invocation, list as values, text, UsageError, whole } from "./invocation.ts";

const COPIES = 2;
const copiesText = (n: number): string => n === 1 ? "1 copy" : `${n} copies`;

/** Tells a person why nothing seems to move. */
export const sayInterrupted = (i: Invocation) => ({ offset, size }: { offset: number; size: number }): void =>
  i.terminal.err(`the connection broke; going on at ${bytes(offset)} of ${bytes(size)}\n`);

/** Stores a file and pins it. */
export const put: Handler = async (i) => {
  const path = i.args[0];
  const { disk, hasher } = await i.host.packageWorld();
  const info = await disk.stat(path);
  if (info?.kind !== "file") {
    throw new RealmError("not_found", `${path} ${info ? "is no regular file" : "does not exist"}`);
  }
  const copies = whole(i, "copies", COPIES, 1, 100);
  const hash = hasher.sha256();
  for await (const piece of disk.readStream(path)) hash.update(piece);
  const digest = hash.digest();
  const client = await connect(i, "write");
  const missing = await client.missing([digest]);
  if (missing.length > 0) {
    const from = (start: number) => disk.readStream(path, { start });
    await client.upload(digest, { size: info.size, from }, { onInterrupted: sayInterrupted(i) });
  }
  const name = text(i, "name") ?? path.replace(/^.*[/\\]/, "");
  const done = await client.command("blob.pin", {
    digest,
    name,
    copies,
    tags: values(i, "tag"),
    size: info.size,
  });
  print(
    i,
    { digest, size: info.size, name, command: done.id, uploaded: missing.length > 0 },
    () =>
      facts(i.terminal, [
        ["name", name],
        ["digest", digest],
        ["size", `${bytes(info.size)}${missing.length > 0 ? "" : ", was there already"}`],
        ["copies", String(copies)],
      ]),
  );
};

/** Fetches a blob, verified, to a file or stdout. */
export const get: Handler = async (i) => {
  const client = await connect(i, "read");
  const wanted = i.args[0];
  const digest = isDigest(wanted) ? wanted : (await client.blob(wanted)).digest;
  await fetchBlob(i, client, digest, wanted);
};

/** Writes a blob to `--out` or stdout and verifies it; `wanted` names it for people. */
export async function fetchBlob(
  i: Invocation,
  client: RealmClient,
  digest: Digest,
  wanted: string,
): Promise<void> {
  const { disk, hasher } = await i.host.packageWorld();
  const hash = hasher.sha256();
  const content = await client.readBlob(digest);
  const wrong = () =>
    new RealmError("bad_digest", `the content of ${wanted} is not what its digest says; try again`);
  const out = text(i, "out");
  if (out === undefined) {
    for await (const piece of content) {
      hash.update(piece);
      // Not through `Deno.stdout.writable`, which loses the error of a full disk.
      for (let at = 0; at < piece.length;) at += await Deno.stdout.write(piece.subarray(at));
    }
    if (hash.digest() !== digest) throw wrong();
    return;
  }
  if ((await disk.stat(out))?.kind === "directory") {
    throw new UsageError(`${out} is a directory; name the file that is to be written`);
  }
  const partial = `${out}.partial`;
  const file = await disk.create(partial).catch((error) => {
    if (error.code !== "not_found") throw error;
    throw new RealmError("not_found", `cannot write ${out}: there is no such directory; make it first`);
  });
  try {
    for await (const piece of content) {
      hash.update(piece);
      await file.write(piece);
    }
    if (hash.digest() !== digest) throw wrong();
    await file.sync();
    await file.close();
    await disk.rename(partial, out);
  } catch (error) {
    await file.close();
    await disk.remove(partial);
    throw error;
  }
  i.terminal.err(`${out}, verified\n`);
}

const row = (b: BlobView): readonly Cell[] => [
  b.name ?? "",
  shortId(b.digest),
  bytes(b.size),
  String(b.holders.length),
  b.pin ? copiesText(b.pin.copies) : "",
  b.here ? "yes" : "no",
  b.references.join(" "),
];

/** Blobs that the node knows. */
export const list: Handler = async (i) => {
  const blobs = await (await connect(i, "read")).blobs();
  print(
    i,
    blobs,
    () =>
      blobs.length === 0 ? "No blobs. Store a file with 'realm storage put FILE'.\n" : table(
        i.terminal,
        ["NAME", "DIGEST", "SIZE", "HOLDERS", "PIN", "HERE", "NEEDED BY"],
        blobs.map(row),
      ),
  );
};

/** One blob. */
export const show: Handler = async (i) => {
  const b = await (await connect(i, "read")).blob(i.args[0]);
  const lacking = b.pin && b.holders.length < b.pin.copies;
  print(i, b, () =>
    facts(i.terminal, [
      ["digest", b.digest],
      ["name", b.name],
      ["size", bytes(b.size)],
      ["chunks", b.chunks?.toString()],
      ["here", stateCell(b.here ? "ok" : "missing")],
      ["holders", b.holders.map(shortId).join(" ") || "none known"],
      [
        "pin",
        b.pin &&
        {
          text: `${copiesText(b.pin.copies)} wished, ${b.holders.length} known${
            b.pin.tags.length > 0 ? `, on ${b.pin.tags.join(" ")}` : ""
          }`,
          colour: lacking ? "yellow" : "green",
        },
      ],
      ["needed by", b.references.join(" ") || undefined],
    ]));
};

/** Promises to keep a blob. */
export const pin: Handler = async (i) => {
  const copies = whole(i, "copies", COPIES, 1, 100);
  const client = await connect(i, "write");
  const b = await client.blob(i.args[0]);
  const name = text(i, "name") ?? b.name;
  const body = {
    digest: b.digest,
    copies,
    tags: values(i, "tag"),
    size: b.size,
    ...(name !== undefined && { name }),
  };
  const done = await client.command("blob.pin", body);
  print(
    i,
    done,
    () => `${shortId(b.digest)} is kept in ${copiesText(copies)} (command ${shortId(done.id)}).\n`,
  );
};

/** Ends the promise. */
export const unpin: Handler = async (i) => {
  const client = await connect(i, "write");
  const b = await client.blob(i.args[0]);
  const done = await client.command("blob.unpin", { digest: b.digest });
  print(
    i,
    done,
    () => `${shortId(b.digest)} is kept no longer than it is needed (command ${shortId(done.id)}).\n`,
  );
};
