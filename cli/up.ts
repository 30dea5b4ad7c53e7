/** `realm up`: this machine as a node. Loads next to nothing, for the agent waits for it. */
import { flag, type Handler, type Invocation, list, text, type UpOptions, UsageError } from "./invocation.ts";

/** A `host:port` pair, or a port alone. */
function hostPort(i: Invocation, name: string): string | undefined {
  const value = text(i, name);
  if (value === undefined) return undefined;
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):)?([0-9]{1,5})$/.exec(value);
  if (!match || Number(match[2]) > 65_535) {
    throw new UsageError(`--${name} is HOST:PORT, for example 127.0.0.1:7480, not ${JSON.stringify(value)}`);
  }
  return `${match[1] ?? "127.0.0.1"}:${match[2]}`;
}

/** Host names without scheme, port or path. */
function hostNames(i: Invocation, name: string): readonly string[] {
  return list(i, name).map((value) => {
    if (/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(value)) return value.toLowerCase();
    throw new UsageError(`--${name} is a host name such as realm.example.com, not ${JSON.stringify(value)}`);
  });
}

/** Certificate and key: both or none. */
function tlsFiles(i: Invocation): { readonly cert: string; readonly key: string } | undefined {
  const cert = text(i, "tls-cert"), key = text(i, "tls-key");
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  throw new UsageError("--tls-cert and --tls-key belong together: give both files");
}

/** IP addresses. */
function addresses(i: Invocation, name: string): readonly string[] {
  return list(i, name).map((value) => {
    if (/^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$/.test(value)) return value.toLowerCase();
    throw new UsageError(`--${name} is an IP address such as 10.0.0.2, not ${JSON.stringify(value)}`);
  });
}

/** Options of `realm up`; throws {@link UsageError} for what cannot be. */
export function checkedUp(i: Invocation): UpOptions {
  const tls = tlsFiles(i), gatewayTls = hostPort(i, "gateway-tls"), apiTls = hostPort(i, "api-tls");
  const secure = gatewayTls !== undefined ? "gateway-tls" : apiTls !== undefined ? "api-tls" : undefined;
  if (secure && !tls) {
    throw new UsageError(`--${secure} needs a certificate and its key: --tls-cert FILE --tls-key FILE`);
  }
  if (tls && !secure) {
    throw new UsageError("a certificate is used by --gateway-tls HOST:PORT and --api-tls HOST:PORT alone");
  }
  return {
    dataDir: i.dataDir,
    name: text(i, "name"),
    tags: list(i, "tags"),
    listen: list(i, "listen"),
    announce: list(i, "announce"),
    gateway: hostPort(i, "gateway"),
    api: hostPort(i, "api"),
    apiHosts: hostNames(i, "api-host"),
    tls,
    apiTls,
    gatewayTls,
    trustedProxies: addresses(i, "trusted-proxy"),
    accessLog: text(i, "access-log"),
    mdns: !flag(i, "no-mdns"),
    relay: flag(i, "relay"),
  };
}

/** Whether there is a `realm.json` that looks as one does; the agent reads it whole, any other is told of here. */
async function isSetUp(dataDir: string): Promise<boolean> {
  try {
    const { realm, invite, ...others } = JSON.parse(await Deno.readTextFile(`${dataDir}/realm.json`));
    return /^z6Mk\w+$/.test(realm) && typeof invite.envelope.payload === "string" &&
      Object.keys(others).length === 0;
  } catch {
    return false;
  }
}

/** Runs this node until it ends. */
export const up: Handler = async (i) => {
  const options = checkedUp(i);
  if (!await isSetUp(i.dataDir)) await (await import("./local_files.ts")).needRealmFile(i.dataDir);
  return await i.host.up(options);
};
