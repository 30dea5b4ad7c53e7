/**
 * Listening for IPv4 and IPv6 at one port: `localhost` and `*.localhost` mean both, and which of them a client tries
 * first is its own business. Where the machine has but one family, that one is served.
 */

/** An address as people know it: the IPv4 address inside an IPv6 one that a socket for both families reports. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address);
  return mapped ? mapped[1] : address;
}

/** The host as a URL writes it. */
export const urlHost = (hostname: string): string => hostname.includes(":") ? `[${hostname}]` : hostname;

/** Tries of a free port: another program may hold the number in the other family. */
const FREE_PORTS = 32;

/** Hosts that mean both families. `::` comes first: where the system lets it, it takes IPv4 as well. */
function familiesOf(hostname: string): readonly string[] {
  if (hostname === "127.0.0.1" || hostname === "localhost") return ["127.0.0.1", "::1"];
  return hostname === "0.0.0.0" ? ["::", "0.0.0.0"] : [hostname];
}

/** Whether the machine lacks an address family. */
const isAbsent = (error: unknown): boolean =>
  error instanceof Deno.errors.AddrNotAvailable ||
  ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes((error as { code?: string }).code ?? "");

/**
 * Opens one listener per family of `hostname` at the same port (0: one that is free in both). Loopback and the wildcard
 * of IPv4 mean both families, any other address itself alone. Throws what `open` throws when the port is taken in one of
 * them, or when there is no family at all; nothing stays open then.
 */
export function onBothFamilies<T extends { readonly port: number }>(
  hostname: string,
  port: number,
  open: (hostname: string, port: number) => T,
  close: (opened: T) => void,
): readonly T[] {
  const hosts = familiesOf(hostname);
  for (let left = FREE_PORTS;; left--) {
    const opened: T[] = [];
    let failure: unknown;
    for (const host of hosts) {
      try {
        opened.push(open(host, opened[0]?.port ?? port));
      } catch (error) {
        // The wildcard of IPv6 took both.
        if (host === "0.0.0.0" && opened.length > 0 && error instanceof Deno.errors.AddrInUse) continue;
        failure = error;
        if (!isAbsent(error)) break;
      }
    }
    if (opened.length > 0 && (failure === undefined || isAbsent(failure))) return opened;
    opened.forEach(close);
    const again = port === 0 && opened.length > 0 && failure instanceof Deno.errors.AddrInUse && left > 0;
    if (!again) throw failure;
  }
}
