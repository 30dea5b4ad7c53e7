/**
 * Which addresses are this node's: a client signs the one under which it reached the node, and a node that hands on
 * another's challenge would have to be reached under an address of the other.
 */

const IPV4 = /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/;
const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || /^127(\.[0-9]{1,3}){3}$/.test(host) ||
  host === "[::ffff:7f00:1]";

/** An address as URLs write it, so that two spellings of one are the same; `undefined` for what is none. */
function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).hostname;
  } catch {
    return undefined;
  }
}
const inUrl = (address: string): string | undefined =>
  hostOf(`http://${address.includes(":") ? `[${address.replace(/%.*$/, "")}]` : address}`);

/** Addresses of this machine's interfaces. */
function interfaceAddresses(): string[] {
  try {
    return Deno.networkInterfaces().map((i) => i.address);
  } catch {
    return []; // not to be had everywhere: names given by --api-host still count
  }
}

/**
 * Whether a client whose connection comes from `peer` can have reached this node under `origin`. A loopback address
 * names this node only for who connects from this very machine: a person on it, a tunnel that ends on it, a TLS proxy
 * on it. Its ports may differ from ours, as tunnels' do.
 *
 * @param hosts Names beside the machine's own addresses.
 * @param peer Remote address of the connection; `undefined` within one process.
 */
export function isOwnAddress(
  origin: string,
  peer: string | undefined,
  hosts: readonly string[],
  addresses: () => readonly string[] = interfaceAddresses,
): boolean {
  const host = hostOf(origin);
  if (host === undefined) return false;
  if (hosts.some((name) => name.toLowerCase() === host)) return true;
  if (isLoopback(host)) return peer === undefined || isLoopback(inUrl(peer) ?? "");
  return (IPV4.test(host) || host.startsWith("[")) && addresses().some((a) => inUrl(a) === host);
}
