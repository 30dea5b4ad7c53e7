/** The agent as a process: the node's parts and its API started together, found by `agent.json`, stopped by a signal. */
import { type Agent, type AgentOptions, serviceOf, startAgent } from "../node/mod.ts";
import { dataFiles } from "../protocol/mod.ts";
import type { ApiOptions } from "./server.ts";
import { readCertificate, watchCertificate } from "../gateway/mod.ts";
import { type ApiServer, serveApi } from "./listen.ts";

/** How the process is started. */
export interface AgentProcessOptions extends AgentOptions {
  readonly api: { readonly hostname: string; readonly port: number };
  /** Where the API is served by HTTPS besides; needs `tls`. */
  readonly apiTls?: { readonly hostname: string; readonly port: number };
  /** See `GuardOptions`. */
  readonly hosts?: readonly string[];
  /** Answers of paths outside `/api`: the dashboard. */
  readonly assets?: ApiOptions["assets"];
}

/** A running agent process. */
export interface AgentProcess extends AsyncDisposable {
  readonly agent: Agent;
  readonly api: ApiServer;
}

/** Starts node and API and writes `agent.json`; throws `RealmError` when it cannot. */
export async function startAgentProcess(options: AgentProcessOptions): Promise<AgentProcess> {
  const agent = await startAgent(options);
  let api: ApiServer, stopWatching = () => {};
  try {
    const { apiTls, tls: files } = options;
    const certificate = apiTls && files && await readCertificate(files);
    api = serveApi(serviceOf(agent), {
      host: options.api.hostname,
      port: options.api.port,
      ...(options.hosts ? { hosts: options.hosts } : {}),
      ...(apiTls && certificate
        ? { secure: { host: apiTls.hostname, port: apiTls.port, tls: certificate } }
        : {}),
      ...(options.assets ? { assets: options.assets } : {}),
      onFailure: (error) =>
        options.log.error("a request failed", {
          error: String(error instanceof Error ? error.stack : error),
        }),
    });
    if (files && certificate) {
      stopWatching = watchCertificate(files, certificate, (next) => api.renew(next), options.log);
    }
  } catch (error) {
    await agent[Symbol.asyncDispose]();
    throw error;
  }
  // Others cannot use a loopback address; a name under which this node is reached by HTTPS they can.
  const name = options.hosts?.[0];
  const reachedAt = api.securePort === undefined || name === undefined
    ? api.url
    : `https://${name}:${api.securePort}`;
  agent.announceApi(reachedAt, api.addresses);
  if (options.assets) {
    options.log.info("dashboard is up", { url: api.url, sign_in: "realm dashboard prints a link" });
  }
  const path = `${options.dataDir}/${dataFiles.agent}`;
  const content = { pid: Deno.pid, api: api.url, gateway: agent.gatewayUrl, started_at: Date.now() };
  await Deno.writeTextFile(`${path}.new`, JSON.stringify(content) + "\n", { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
  return {
    agent,
    api,
    async [Symbol.asyncDispose]() {
      stopWatching();
      await Deno.remove(path).catch(() => {});
      await api[Symbol.asyncDispose]();
      await agent[Symbol.asyncDispose]();
    },
  };
}

/** How often to look whether the supervisor still lives: an agent without one could not be upgraded or restarted. */
const PARENT_MS = 1_000;

/**
 * Runs until SIGINT or SIGTERM, until the supervisor that started it is gone, or until another version is to take its
 * place; then stops in order.
 */
export async function runAgentProcess(options: AgentProcessOptions): Promise<"ended" | "switch"> {
  const supervised = Deno.env.get("REALM_SUPERVISOR") === String(Deno.ppid);
  const process = await startAgentProcess(options);
  void process.agent.upgrading.prove();
  let switching = false;
  let parentTimer: ReturnType<typeof setInterval> | undefined;
  await new Promise<void>((resolve) => {
    void process.agent.upgrading.left.then(() => {
      switching = true;
      process.agent.handOver();
      resolve();
    });
    if (supervised) {
      const parent = Deno.ppid;
      parentTimer = setInterval(() => {
        if (Deno.ppid === parent) return;
        // It was not stopped: it is to be started again.
        process.agent.handOver();
        resolve();
      }, PARENT_MS);
    }
    for (
      const signal of Deno.build.os === "windows"
        ? ["SIGINT" as const]
        : ["SIGINT" as const, "SIGTERM" as const]
    ) {
      Deno.addSignalListener(signal, resolve);
    }
  });
  clearInterval(parentTimer);
  await process[Symbol.asyncDispose]();
  return switching ? "switch" : "ended";
}
