/** Real nodes as real processes on loopback, started by the command line a user would type; for tests and the demo. */
import {
  createClient,
  type Credentials,
  type NodeView,
  parseKeyFile,
  type RealmClient,
  signerFromSeed,
} from "../mod.ts";
import { parseAgentFile } from "../agent/protocol/data_dir.ts";
import { isOver } from "../agent/runtimes/native/processes.ts";
import { wardenFiles, wardensDirectory } from "../agent/runtimes/native/warden/words.ts";

const MAIN = new URL("../main.ts", import.meta.url).pathname;

/** The executable under test: `REALM_EXECUTABLE`, else this source tree. */
export function realmCommand(args: readonly string[]): { command: string; args: string[] } {
  const built = Deno.env.get("REALM_EXECUTABLE");
  return built
    ? { command: built, args: [...args] }
    : { command: Deno.execPath(), args: ["run", "-A", "--quiet", MAIN, ...args] };
}

/** What a command printed and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Waits until `probe` gives something else than undefined or false. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 15_000,
): Promise<T> {
  const end = performance.now() + ms;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}${last ? ` (${last})` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port that is free now: for a node that has to be at one address after a restart too. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Lets the `host` header be set: `*.localhost` resolves in browsers and curl, not in every system's resolver. */
const client = Deno.createHttpClient({ allowHost: true, poolMaxIdlePerHost: 32 });

/** A request for `<app>.localhost` at a gateway. */
export function fetchApp(
  gateway: string,
  app: string,
  path = "/",
  init: RequestInit = {},
): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("host", `${app}.localhost:${new URL(gateway).port}`);
  return fetch(`${gateway}${path}`, { ...init, headers, client });
}

/** Milliseconds for which a process's main thread was ready and had no processor, since its start; 0 where unknown. */
function waitedMs(pid: number): number {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ")[1]) / 1e6 || 0;
  } catch {
    return 0;
  }
}

/** Ends what keeps the native programs of a node that was killed, and with it the programs. */
async function endWardens(dataDir: string): Promise<void> {
  const wardens = wardensDirectory(dataDir);
  const names = await Array.fromAsync(Deno.readDir(wardens)).catch(() => []);
  for (const { name } of names) {
    const path = `${wardens}/${name}/${wardenFiles.file}`;
    try {
      const { pid } = JSON.parse(await Deno.readTextFile(path));
      // Without it nobody could find it any more: it ends all.
      await Deno.remove(path);
      await eventually("the warden ends", () => isOver(pid));
    } catch { /* it has gone */ }
  }
}

/** One node. */
export interface ClusterNode {
  readonly name: string;
  readonly dataDir: string;
  /** What runs it instead of the executable under test: a command, its first arguments. */
  readonly command?: readonly string[];
  /** The supervisor. */
  process: Deno.ChildProcess | undefined;
  /** Process id of the agent. */
  pid: number;
  api: string;
  gateway: string;
  /** Everything the node printed, bounded. */
  output: string;
}

/** Options of a cluster. */
export interface ClusterOptions {
  readonly nodes?: number;
  /** More flags for `up` and `join`, by node. */
  readonly flags?: (index: number) => readonly string[];
  /** First gateway port; 0: any. The node `i` gets this plus `i`. */
  readonly gatewayPort?: number;
  /** A node's API must answer within this many milliseconds; default 30,000. More where many start on few processors. */
  readonly startMs?: number;
}

/** See the module's text. */
export class Cluster implements AsyncDisposable {
  readonly nodes: ClusterNode[] = [];
  readonly root: string;
  readonly #options: ClusterOptions;
  #client = new Map<string, RealmClient>();

  private constructor(root: string, options: ClusterOptions) {
    this.root = root;
    this.#options = options;
  }

  /** From the first join to the moment when all nodes saw all others. */
  formedMs = 0;
  /** Part of {@link formedMs} for which the node that waited most had no processor, for others had it. */
  waitedMs = 0;

  /** A realm of `nodes` processes that all see each other. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(await Deno.makeTempDir({ prefix: "realm-" }), options);
    try {
      await cluster.#found();
      const started = performance.now();
      const count = options.nodes ?? 3;
      if (count > 1) {
        const token = await cluster.invite(count - 1);
        await Promise.all(
          Array.from({ length: count - 1 }, (_, i) => cluster.join(token, `n${i + 1}`, i + 1)),
        );
        await eventually("all nodes see all nodes alive", async () => {
          const views = await Promise.all(cluster.nodes.map((n) => cluster.client(n).nodes()));
          return views.every((v) => v.filter((n) => n.state === "alive" && n.info?.api).length === count);
        });
      }
      cluster.formedMs = performance.now() - started;
      // A node comes up one step after the other: first its supervisor, then its agent.
      const joined = cluster.nodes.slice(1).map((n) => waitedMs(n.process!.pid) + waitedMs(n.pid));
      cluster.waitedMs = Math.max(0, ...joined);
      return cluster;
    } catch (error) {
      for (const n of cluster.nodes) console.error(`--- ${n.name}\n${n.output}`);
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  #flags(index: number): string[] {
    const port = this.#options.gatewayPort ? this.#options.gatewayPort + index : 0;
    return [
      "--listen",
      "127.0.0.1:0",
      "--api",
      "127.0.0.1:0",
      "--gateway",
      `127.0.0.1:${port}`,
      "--no-mdns",
      ...this.#options.flags?.(index) ?? [],
    ];
  }

  async #found(): Promise<void> {
    const dataDir = `${this.root}/n0`;
    const made = await this.run(["init", "--data-dir", dataDir]);
    if (made.code !== 0) throw new Error(`init failed: ${made.stderr}`);
    await this.#spawn("n0", dataDir, ["up", "--name", "n0", ...this.#flags(0)]);
  }

  /** A token for other machines, by the owner. */
  async invite(uses = 1, ...more: string[]): Promise<string> {
    const made = await this.run(["invite", "--uses", String(uses), "--json", ...more], this.nodes[0]);
    if (made.code !== 0) throw new Error(`invite failed: ${made.stderr}`);
    return (JSON.parse(made.stdout) as { token: string }).token;
  }

  /** Joins a machine of its own and waits until its API answers. */
  join(
    token: string,
    name: string,
    index: number,
    command?: readonly string[],
  ): Promise<ClusterNode> {
    const args = ["join", token, "--name", name, ...this.#flags(index)];
    return this.#spawn(name, `${this.root}/${name}`, args, command);
  }

  async #spawn(
    name: string,
    dataDir: string,
    args: readonly string[],
    command?: readonly string[],
  ): Promise<ClusterNode> {
    const node: ClusterNode = {
      name,
      dataDir,
      ...(command && { command }),
      process: undefined,
      pid: 0,
      api: "",
      gateway: "",
      output: "",
    };
    this.nodes.push(node);
    this.nodes.sort((a, b) => a.name < b.name ? -1 : 1);
    await this.#launch(node, args);
    return node;
  }

  async #launch(
    node: ClusterNode,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<void> {
    await Deno.remove(`${node.dataDir}/agent.json`).catch(() => {});
    const wanted = [...args, "--data-dir", node.dataDir];
    const [own, ...first] = node.command ?? [];
    const { command, args: all } = own === undefined
      ? realmCommand(wanted)
      : { command: own, args: [...first, ...wanted] };
    const child = new Deno.Command(command, {
      args: all,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    })
      .spawn();
    node.process = child;
    for (const stream of [child.stdout, child.stderr]) void this.#collect(node, stream);
    let ended: number | undefined;
    child.status.then((s) => ended = s.code);
    const started = eventually(`${node.name} starts`, async () => {
      if (ended !== undefined) throw new Error(`it ended with ${ended}: ${node.output.slice(-2_000)}`);
      const file = parseAgentFile(await Deno.readTextFile(`${node.dataDir}/agent.json`));
      if (!file.ok) return undefined;
      node.api = file.value.api;
      node.gateway = file.value.gateway ?? "";
      node.pid = file.value.pid;
      return true;
    }, this.#options.startMs ?? 30_000);
    await started.catch((error) => {
      throw new Error(`${error.message}\n--- ${node.name}\n${node.output.slice(-4_000)}`);
    });
  }

  async #collect(node: ClusterNode, stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      node.output = (node.output + decoder.decode(chunk, { stream: true })).slice(-100_000);
    }
  }

  /** kill -9 of supervisor and agent at once. */
  async kill(node: ClusterNode): Promise<void> {
    const child = node.process;
    if (!child) return;
    for (const pid of [child.pid, node.pid]) {
      // 0 would be this process and all of its group: the node had not told its number yet.
      if (pid === 0) continue;
      try {
        Deno.kill(pid, "SIGKILL");
      } catch { /* it is gone already */ }
    }
    await child.status;
    node.process = undefined;
  }

  /** kill -9 of the agent alone: its supervisor starts the next one, whose addresses the node has then. */
  async killAgent(node: ClusterNode): Promise<void> {
    const before = node.pid;
    try {
      Deno.kill(before, "SIGKILL");
    } catch { /* it is gone already */ }
    await eventually(`the next agent of ${node.name} is up`, async () => {
      const file = parseAgentFile(await Deno.readTextFile(`${node.dataDir}/agent.json`));
      if (!file.ok || file.value.pid === before) return false;
      node.pid = file.value.pid;
      node.api = file.value.api;
      node.gateway = file.value.gateway ?? "";
      return true;
    }, 60_000);
  }

  /** Starts a killed or stopped node again; `flags` come last and win. */
  restart(
    node: ClusterNode,
    flags: readonly string[] = [],
    env: Record<string, string> = {},
  ): Promise<void> {
    const index = this.nodes.indexOf(node);
    return this.#launch(node, ["up", "--name", node.name, ...this.#flags(index), ...flags], env);
  }

  /** Stops a node in order. */
  async stop(node: ClusterNode): Promise<void> {
    const child = node.process;
    if (!child) return;
    child.kill("SIGTERM");
    await child.status;
    node.process = undefined;
  }

  /** Runs the command line, by default with the owner's data directory. */
  async run(args: readonly string[], node?: ClusterNode, env: Record<string, string> = {}): Promise<Ran> {
    const { command, args: all } = realmCommand(args);
    const dataDir = (node ?? this.nodes[0])?.dataDir ?? this.root;
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: all,
      stdin: "null",
      env: { REALM_DATA_DIR: dataDir, NO_COLOR: "1", ...env },
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** As {@link run}, and fails when the command does. */
  async realm(...args: string[]): Promise<string> {
    const ran = await this.run(args);
    if (ran.code !== 0) {
      throw new Error(`realm ${args.join(" ")} ended with ${ran.code}: ${ran.stderr || ran.stdout}`);
    }
    return ran.stdout;
  }

  /** The owner, for clients made by hand. */
  credentials(): () => Credentials {
    const key = parseKeyFile(Deno.readTextFileSync(`${this.root}/n0/keys/owner.key`));
    if (!key.ok || !("seed" in key.value.secret)) throw new Error("the owner key is not plain");
    const { id, secret } = key.value, signer = signerFromSeed(secret.seed);
    return () => ({ realm: id, signer, grants: [] });
  }

  /** The API of a node, as the owner; `url`: where it is reached when not directly. */
  client(node: ClusterNode, url = node.api): RealmClient {
    let client = this.#client.get(url);
    if (!client) {
      client = createClient({ url, credentials: this.credentials() });
      this.#client.set(url, client);
    }
    return client;
  }

  /** A node as another sees it. */
  async view(of: ClusterNode, by: ClusterNode): Promise<NodeView> {
    return await this.client(by).node(of.name);
  }

  /** A request to an app through a node's gateway. */
  fetch(node: ClusterNode, app: string, path = "/", init: RequestInit = {}): Promise<Response> {
    return fetchApp(node.gateway, app, path, init);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((n) => this.kill(n)));
    await Promise.all(this.nodes.map((n) => endWardens(n.dataDir)));
    await Deno.remove(this.root, { recursive: true }).catch(() => {});
  }
}
