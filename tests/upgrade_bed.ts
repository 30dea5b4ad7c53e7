/** Releases for tests with real processes: executables that are this source tree under another version, good and bad. */
import type { Platform, UpgradeView } from "../mod.ts";
import { parseAgentFile } from "../agent/protocol/data_dir.ts";
import { PORTABLE_MARK } from "../agent/protocol/executable.ts";
import { type Cluster, type ClusterNode, eventually } from "./cluster.ts";

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

/** Where a node's agent is now: another process and other ports after each switch. */
export function refresh(node: ClusterNode): void {
  const file = parseAgentFile(Deno.readTextFileSync(`${node.dataDir}/agent.json`));
  if (!file.ok) throw new Error(file.message);
  node.api = file.value.api;
  node.gateway = file.value.gateway ?? "";
  node.pid = file.value.pid;
}

/** What disposes of a cluster ends the agents by number: those that a switch started have others. */
export const refreshAll = (cluster: Cluster): Promise<unknown> =>
  eventually("all agents are known", () => {
    for (const node of cluster.nodes) refresh(node);
    return true;
  });

/** Name, version and state of each node, as the first one sees them. */
export async function versions(cluster: Cluster): Promise<string[]> {
  refresh(cluster.nodes[0]);
  const nodes = await cluster.client(cluster.nodes[0]).nodes();
  return nodes.toSorted((a, b) => a.name < b.name ? -1 : 1).map((n) =>
    `${n.name} ${n.info?.version} ${n.state}`
  );
}

/** The current upgrade. */
export const upgradeStatus = async (cluster: Cluster): Promise<UpgradeView> =>
  JSON.parse(await cluster.realm("upgrade", "status", "--json"));
