/** The real command line as a process, against an API on loopback with an agent in memory. For tests. */
import { formatKeyFile, makeKeyFile } from "../mod.ts";
import { type ApiServer, serveApi } from "../agent/api/mod.ts";
import { sealInvite } from "../agent/protocol/mod.ts";
import { createFakeAgent, type FakeAgent } from "./fake_agent.ts";
import { owner, realm } from "./test_keys.ts";

const MAIN = new URL("../main.ts", import.meta.url).pathname;

/** What a command line did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `realm` with `args`. */
export async function realmCli(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, ...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A data directory with owner and node key, and a node behind it. */
export class CliBed implements AsyncDisposable {
  readonly agent: FakeAgent;
  readonly server: ApiServer;
  readonly dataDir: string;

  private constructor(agent: FakeAgent, server: ApiServer, dataDir: string) {
    this.agent = agent;
    this.server = server;
    this.dataDir = dataDir;
  }

  /** `keys`: which of the fake's keys lie in the data directory. */
  static async open(keys: readonly ("owner" | "node")[] = ["owner", "node"]): Promise<CliBed> {
    const agent = createFakeAgent();
    const server = serveApi(agent);
    const dataDir = await Deno.makeTempDir({ prefix: "realm-cli-" });
    await Deno.mkdir(`${dataDir}/keys`);
    for (const kind of keys) {
      const seed = new Uint8Array(32).fill(kind === "owner" ? 1 : 2);
      await Deno.writeTextFile(`${dataDir}/keys/${kind}.key`, formatKeyFile(await makeKeyFile(kind, seed)));
    }
    const now = Date.now();
    const invite = sealInvite(
      {
        v: 1,
        realm,
        bootstrap: [],
        tags: [],
        uses: 1,
        from: now,
        until: now + 60_000,
        nonce: "0123456789",
      },
      owner,
      [],
    );
    await Deno.writeTextFile(`${dataDir}/realm.json`, JSON.stringify({ realm, invite }));
    const file = { pid: Deno.pid, api: server.url, started_at: now };
    await Deno.writeTextFile(`${dataDir}/agent.json`, JSON.stringify(file));
    return new CliBed(agent, server, dataDir);
  }

  /** Runs `realm` with this data directory. */
  run(...args: string[]): Promise<Ran> {
    return realmCli(args, { REALM_DATA_DIR: this.dataDir });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await Deno.remove(this.dataDir, { recursive: true });
  }
}
