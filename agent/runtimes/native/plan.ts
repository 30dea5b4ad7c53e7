/** From what is to run to what a launcher is told, level by level. Pure but for looks at the machine's own files. */
import { RealmError } from "../../protocol/errors.ts";
import { nativeLimits } from "../../protocol/native_limits.ts";
import type { SandboxLevel } from "../../protocol/policy.ts";
import type { ProgramSpec } from "../program.ts";
import { kernelFiles, PROGRAM_PATH, systemSettings, systemTrees } from "./machine.ts";
import type { Bind, FileRules, FileView, LaunchOrder, NetworkRule, ProcessLimits } from "./order.ts";

/** What the engine chose for a run. */
export interface Placing {
  readonly level: SandboxLevel;
  readonly identity?: LaunchOrder["identity"];
  /** Files through which its control groups are entered. */
  readonly entrances: readonly string[];
  /** Whether memory is limited by a control group. */
  readonly memoryLimited: boolean;
  /** Processes of the user that the program will have, before it starts: they count against its limit. */
  readonly userProcesses?: number;
}

/** Names in `/` that are the machine's at every level. */
const RESERVED = [
  "usr",
  "bin",
  "sbin",
  "lib",
  "lib32",
  "lib64",
  "libx32",
  "etc",
  "proc",
  "sys",
  "dev",
  ".machine",
  ".secrets",
];
/** Where files of secrets appear in a private view. */
const SECRETS = "/.secrets";
const MIB = 1024 * 1024;
/** Becomes the first process of a pid namespace: waits for whatever the program leaves, and ends as it ended. */
const INIT = ["/bin/sh", "-c", '"$@"; exit $?', "init"] as const;

/** The order. Throws `RealmError("failed")` for what cannot be. */
export function planLaunch(spec: ProgramSpec, placing: Placing, nonce: string): LaunchOrder {
  const { level } = placing;
  const own = level === "namespaced" ? "" : spec.root;
  const place = (path: string) => `${own}${path === "/" && own !== "" ? "" : path}`;
  const network = networkOf(spec);
  const ownNetwork = level === "namespaced" && network === "none";
  return {
    nonce,
    argv: level === "namespaced" ? spec.argv : [programOf(spec), ...spec.argv.slice(1)],
    before: level === "namespaced" ? INIT : [],
    env: {
      PATH: PROGRAM_PATH,
      LANG: "C.UTF-8",
      HOME: place("/"),
      TMPDIR: place("/tmp"),
      ...spec.env,
      ...secretPaths(spec, level === "namespaced" ? SECRETS : undefined),
      REALM_ROOT: place("/"),
    },
    cwd: place(spec.workingDir),
    ...(placing.identity ? { identity: placing.identity } : {}),
    cgroups: placing.entrances,
    ...(level === "namespaced" ? { view: viewOf(spec) } : {}),
    files: level === "namespaced" ? { execute: [], read: [], write: ["/"] } : filesOf(spec),
    network,
    ownNetwork,
    limits: limitsOf(spec, placing),
  };
}

/** A program that listens must be reached from outside: it gets the machine's network, and of that its ports alone. */
export function networkOf({ network, bind = [] }: ProgramSpec): NetworkRule {
  if (bind.length === 0 || network === "full") return network;
  return { connect: network === "none" ? [] : network.connect, bind };
}

/** Where there is no view, a path that the run brings along stands below its root. */
function programOf({ argv: [name], root }: ProgramSpec): string {
  if (!name.startsWith("/")) return name;
  try {
    Deno.lstatSync(`${root}${name}`);
    return `${root}${name}`;
  } catch {
    return name;
  }
}

function filesOf(spec: ProgramSpec): FileRules {
  return {
    execute: [...systemTrees().map(({ path }) => path), ...spec.read],
    read: [
      ...kernelFiles,
      ...systemSettings().map(([, path]) => path),
      ...spec.secrets ? [spec.secrets.directory] : [],
    ],
    write: [spec.root],
  };
}

/** Variables with the paths of files of secrets. */
function secretPaths({ secrets }: ProgramSpec, seenAt: string | undefined): Record<string, string> {
  if (!secrets) return {};
  const { directory, variables } = secrets;
  return Object.fromEntries(
    Object.entries(variables).map(([name, file]) => [name, `${seenAt ?? directory}/${file}`]),
  );
}

function viewOf({ root, read, secrets }: ProgramSpec): FileView {
  const trees = systemTrees();
  for (const name of RESERVED) {
    if (present(`${root}/${name}`) === undefined) continue;
    throw new RealmError(
      "failed",
      `The run's files have something in /${name}, which is the machine's; choose another place for it.`,
    );
  }
  for (const path of read) checkWay(root, path);
  const bind = (path: string, from = path): Bind => ({ from, to: path, readOnly: true });
  return {
    root,
    binds: [
      ...trees.filter((t) => t.link === undefined).map(({ path }) => bind(path)),
      ...systemSettings().map(([path, from]) => bind(path, from)),
      ...read.map((path) => bind(path, Deno.realPathSync(path))),
      ...secrets ? [bind(SECRETS, secrets.directory)] : [],
    ],
    links: Object.fromEntries(
      trees.filter((t) => t.link !== undefined).map(({ path, link }) => [path.slice(1), link!]),
    ),
  };
}

/** What a path is, links not followed. */
function present(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch {
    return undefined;
  }
}

/** What a run before left may not lead the launcher, which still has rights, out of the run's files. */
function checkWay(root: string, path: string): void {
  const parts = path.split("/").slice(1);
  for (let n = 1; n <= parts.length; n++) {
    const at = `/${parts.slice(0, n).join("/")}`;
    if (present(`${root}${at}`)?.isSymlink) {
      throw new RealmError("failed", `${path} cannot appear in the run's files: ${at} is a link there.`);
    }
  }
}

/** Removes the empty places at which the machine's files appeared. */
export async function clearView(root: string): Promise<void> {
  for (const name of RESERVED) await Deno.remove(`${root}/${name}`, { recursive: true }).catch(() => {});
}

function limitsOf(spec: ProgramSpec, { memoryLimited, userProcesses }: Placing): ProcessLimits {
  return {
    openFiles: nativeLimits.openFiles,
    ...(userProcesses === undefined ? {} : { processes: userProcesses + spec.pids }),
    fileBytes: spec.diskMb * MIB,
    ...(memoryLimited ? {} : { dataBytes: 2 * spec.memoryMb * MIB + nativeLimits.dataSlackBytes }),
  };
}
