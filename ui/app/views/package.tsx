/** One package, of the realm or dropped here: what it is, what its guests see, its files, and deploying it. */
import {
  type AppManifest,
  type AppMount,
  isDigest,
  type PackageReader,
  readRealmPackage,
  shortId,
  showRoute,
  verifier,
  verifyPackage,
} from "../../../mod.ts";
import { useEffect, useState } from "preact/hooks";
import { bytes, counted } from "../format.ts";
import type { Local } from "../files/local_files.ts";
import { worldOf } from "../files/package_world.ts";
import { Empty, Facts, Id, Name, Panel, sentence, State, Table, Tags, useFetched } from "../parts.tsx";
import { session } from "../session.ts";
import { Contents } from "./contents.tsx";
import { Deploy } from "./deploy.tsx";
import { LOCAL, local, PackageDrop } from "./packages.tsx";

/** A package by its digest, or the one that was dropped. */
export function Package({ name }: { name: string }) {
  if (name === LOCAL) {
    const opened = local.value;
    return opened ? <Dropped key={opened.reader.digest} from={opened.from} reader={opened.reader} /> : (
      <>
        <Crumbs />
        <h1>No package is open</h1>
        <Panel title="Open it again">
          <p>A package that was dropped is in the page's memory alone, and the page was loaded anew.</p>
          <PackageDrop />
        </Panel>
      </>
    );
  }
  return isDigest(name) ? <Stored digest={name} /> : (
    <>
      <Crumbs />
      <h1>No such package</h1>
      <Empty
        text="A package is named by the digest of its manifest. All blobs:"
        command="realm storage list"
      />
    </>
  );
}

const Crumbs = () => (
  <p class="crumbs">
    <a href="/packages">Packages</a>
  </p>
);

function Stored({ digest }: { digest: string }) {
  // By its digest it is always the same: fetched once, not with each change of the realm.
  const [state, setState] = useState<{ manifest?: AppManifest; error?: string }>({});
  const client = session.value?.client;
  useEffect(() => {
    if (!client) return;
    readRealmPackage(client, digest).then(
      ({ manifest }) => setState({ manifest }),
      (error) => setState({ error: sentence(error) }),
    );
  }, [client, digest]);
  const used = useFetched(`blob ${digest}`, (c) => c.blob(digest));
  const { manifest, error } = state;
  return (
    <>
      <Crumbs />
      <div class="title">
        <h1>
          {manifest ? <Name text={`${manifest.name} ${manifest.version}`} /> : <code>{shortId(digest)}</code>}
        </h1>
        {manifest && <span class="muted">in the realm</span>}
      </div>
      {error && (
        <div class="error" role="alert">
          <p>{error}</p>
        </div>
      )}
      {!manifest && !error && <p class="muted">Loading …</p>}
      {manifest && (
        <>
          <About manifest={manifest} digest={digest} references={used.value?.references} />
          <Deploy manifest={manifest} digest={digest} path={digest} />
          <Contents
            manifest={manifest}
            read={async (file) => await client!.readBlob(file.sha256)}
          />
        </>
      )}
    </>
  );
}

interface Check {
  readonly state: "checking" | "ok" | "rejected";
  readonly text: string;
}

function Dropped({ from, reader }: { from: Local; reader: PackageReader }) {
  const [check, setCheck] = useState<Check>({ state: "checking", text: "" });
  useEffect(() => {
    const stop = new AbortController();
    // The inventory of a folder was just made of its content; a file's is checked byte by byte.
    if (reader.form === "directory") setCheck({ state: "ok", text: "inventory taken now" });
    else {
      verifyPackage(worldOf(from), reader.path, verifier, {
        signal: stop.signal,
        onProgress: (path) => setCheck({ state: "checking", text: path }),
      }).then(
        (v) =>
          setCheck({
            state: v.ok ? "ok" : "rejected",
            text: v.ok
              ? v.signature === "valid"
                ? `every byte verified, signed by ${v.signedBy}`
                : "every byte verified"
              : v.problems.slice(0, 10).join("\n"),
          }),
        (error) => stop.signal.aborted || setCheck({ state: "rejected", text: sentence(error) }),
      );
    }
    return () => stop.abort();
  }, [reader]);
  const { manifest, digest } = reader;
  return (
    <>
      <Crumbs />
      <div class="title">
        <h1>
          <Name text={`${manifest.name} ${manifest.version}`} />
        </h1>
        <span class="muted">
          <Name text={from.name} />: open in this page alone
        </span>
      </div>
      {check.state === "rejected" && (
        <div class="error" role="alert">
          <pre class="wrapped">{check.text}</pre>
        </div>
      )}
      <About manifest={manifest} digest={digest} check={check} />
      {check.state !== "rejected" && (
        <Deploy manifest={manifest} digest={digest} path={from.name} reader={reader} />
      )}
      <Contents manifest={manifest} read={(file) => Promise.resolve(reader.read(file.path))} />
    </>
  );
}

const list = (all: readonly string[]) =>
  all.length === 0 ? "none" : (
    <ul class="plain">
      {all.map((t) => (
        <li key={t}>
          <code>{t}</code>
        </li>
      ))}
    </ul>
  );

function About(
  { manifest: m, digest, check, references }: {
    manifest: AppManifest;
    digest: string;
    check?: Check;
    references?: readonly string[];
  },
) {
  const c = m.component;
  return (
    <div class="columns even">
      <Panel title="What it is">
        <Facts
          of={[
            ["Package", <Id id={digest} short={shortId(digest)} />],
            [
              "Check",
              check && (
                <>
                  <State is={check.state} /> {check.state !== "rejected" && <Name text={check.text} />}
                </>
              ),
            ],
            ["Kind", c ? "component" : "static site"],
            [
              "Content",
              `${counted(m.files.length, "file")}, ${bytes(m.files.reduce((n, f) => n + f.size, 0))}`,
            ],
            ["Used by", references && (references.length > 0 ? <Tags tags={references} /> : "nothing now")],
            ["Routes", m.http ? list(m.http.routes.map(showRoute)) : "none"],
            ["Health", m.http?.health && <code>{m.http.health}</code>],
          ]}
        />
      </Panel>
      <Panel title="What it may">
        <Facts
          of={[
            ["Memory", c ? `${c.memoryMb} MiB an instance` : "served by the gateway"],
            ["At once", c && `${c.maxConcurrency} requests, ${c.timeoutMs / 1000} s each`],
            ["Instance", c && (c.instance === "reuse" ? "kept warm" : "a fresh one for each request")],
            ["Reaches", list(m.outbound)],
            ["Environment", list(Object.entries(m.env).map(([k, v]) => `${k}=${v.slice(0, 200)}`))],
          ]}
        />
      </Panel>
      <div class="whole">
        <Mounts manifest={m} />
      </div>
    </div>
  );
}

const ACCESS: Readonly<Record<AppMount["kind"], string>> = {
  static: "read only, from the package",
  config: "read only, from the package",
  work: "writable, empty at each start",
  state: "writable, kept across restarts and upgrades",
};

function Mounts({ manifest }: { manifest: AppManifest }) {
  const content = (m: AppMount) => {
    const source = m.kind === "static" || m.kind === "config"
      ? m.source
      : m.kind === "state"
      ? m.seed
      : undefined;
    if (source === undefined) return m.kind === "state" ? `volume ${m.volume}` : "–";
    const files = manifest.files.filter((f) => f.path.startsWith(`${source}/`));
    const text = `${source}/ · ${counted(files.length, "file")}, ${
      bytes(files.reduce((n, f) => n + f.size, 0))
    }`;
    return m.kind === "state" ? `volume ${m.volume}, first filled from ${text}` : text;
  };
  const bound = (m: AppMount) =>
    m.kind === "work" || m.kind === "state"
      ? m.quotaBytes === undefined ? "the disk's" : bytes(m.quotaBytes)
      : "–";
  return (
    <Panel title="Mounts">
      {manifest.mounts.length === 0
        ? <Empty text="It sees no directory. Mounts stand in manifest.toml as [[mounts]]." />
        : (
          <Table
            label="Mounts"
            head={["Seen at", "Kind", "Access", "Content", "Bound"]}
            rows={manifest.mounts.map((m) => ({
              key: m.guest,
              cells: [<code>{m.guest}</code>, m.kind, ACCESS[m.kind], <Name text={content(m)} />, bound(m)],
            }))}
          />
        )}
    </Panel>
  );
}
