/** Releases for tests with real processes: executables that are this source tree under another version, good and bad. */
import { createHash } from "node:crypto";
import {
  type CommandBody,
  parseKeyFile,
  type Platform,
  type ReleaseArtifact,
  releaseManifest,
  type SignedRelease,
  signerFromSeed,
  signRelease,
} from "../mod.ts";
import type { Signer } from "../mod.ts";
import { PORTABLE_MARK } from "../agent/protocol/executable.ts";
import type { Cluster, ClusterNode } from "./cluster.ts";

const root = new URL("..", import.meta.url).pathname;
/** This machine, as Realm names it. */
export const platform: Platform = `linux/${Deno.build.arch === "x86_64" ? "amd64" : "arm64"}`;

/** How a release of tests behaves as an agent; its self-test always passes unless it says otherwise. */
export type Behaviour = "good" | "crashes" | "crashes_later" | "hangs" | "cannot_join" | "fails_self_test";

const AGENT: Readonly<Record<Behaviour, string>> = {
  good: "",
  crashes: 'echo "boom" >&2; exit 3',
  crashes_later: "(sleep 10; kill -9 $$) &",
  hangs: "exec sleep 100000",
  cannot_join: "",
  fails_self_test: "",
};

/** What a test wants of an executable. */
export interface ExecutableOptions {
  readonly behaviour?: Behaviour;
  readonly platform?: Platform;
  /** With `cannot_join`: ports of the other members, which it cannot reach. */
  readonly deaf?: readonly string[];
}

/** Writes an executable: a shell script with the mark of a portable file that runs this source tree. */
export async function makeExecutable(
  dir: string,
  version: string,
  { behaviour = "good", platform: named = platform, deaf = [] }: ExecutableOptions = {},
): Promise<string> {
  const file = `${dir}/realm-${version}-${named.replace("/", "-")}`;
  await Deno.mkdir(dir, { recursive: true });
  const selfTest = behaviour === "fails_self_test" ? 'echo "no such instruction" >&2; exit 7' : "";
  const denied = behaviour === "cannot_join" && deaf.length > 0
    ? `--deny-net=${deaf.map((port) => `127.0.0.1:${port}`).join(",")}`
    : "";
  await Deno.writeTextFile(
    file,
    `#!/bin/sh
${PORTABLE_MARK} ${version} ${named}
case "$1 $2" in
"internal agent") : ; ${AGENT[behaviour]} ;;
"internal self-test") : ; ${selfTest} ;;
esac
export REALM_SOURCE_VERSION=${version}
exec "${Deno.execPath()}" run -A ${denied} --quiet "${root}main.ts" "$@"
`,
    { mode: 0o755 },
  );
  return file;
}

/** What a release says of a file. */
export async function artifactOf(path: string, forPlatform: Platform = platform): Promise<ReleaseArtifact> {
  const content = await Deno.readFile(path);
  return {
    platform: forPlatform,
    file: path.slice(path.lastIndexOf("/") + 1),
    sha256: createHash("sha256").update(content).digest("hex"),
    size: content.length,
    builder: "portable",
  };
}

/** The owner's key of a cluster. */
export function ownerOf(cluster: Cluster): Signer {
  const key = parseKeyFile(Deno.readTextFileSync(`${cluster.root}/n0/keys/owner.key`));
  if (!key.ok || !("seed" in key.value.secret)) throw new Error("the owner key is not plain");
  return signerFromSeed(key.value.secret.seed);
}

/** Uploads a file and starts its rollout by the API, as programs do; the id of the upgrade. */
export async function startUpgrade(
  cluster: Cluster,
  path: string,
  version: string,
  canaries: readonly ClusterNode[],
  more: Partial<CommandBody<"upgrade.start">> = {},
  sign: (artifact: ReleaseArtifact) => SignedRelease = (artifact) =>
    signRelease(releaseManifest(version, [artifact]), ownerOf(cluster)),
): Promise<string> {
  const client = cluster.client(cluster.nodes[0]);
  const artifact = await artifactOf(path);
  await client.upload(artifact.sha256, await Deno.readFile(path));
  const nodes = await client.nodes();
  const { id } = await client.command("upgrade.start", {
    release: sign(artifact),
    canaries: canaries.map((c) => nodes.find((n) => n.name === c.name)!.id),
    batch: 1,
    probation_ms: 1_500,
    deadline_ms: 30_000,
    drain_ms: 5_000,
    allow_downgrade: false,
    ...more,
  });
  return id;
}
