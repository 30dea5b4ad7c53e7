/**
 * Listening for IPv4 and IPv6 at one port. A socket at `::` takes both families here unless the system forbids it, and
 * a second one at `0.0.0.0` and the same port cannot be had then: the pair that a node asks for becomes one address.
 */

const PAIR = /^\/ip4\/0\.0\.0\.0\/tcp\/(\d{1,5})$/;

/** What to listen at, and which addresses to announce besides those that follow from it. */
export interface Listening {
  readonly listen: readonly string[];
  readonly announceToo: readonly string[];
}

/** What the machine can do. */
export interface Families {
  /** `dual`: `::` takes IPv4 as well; `separate`: each family needs its socket; `ipv4`: there is no other. */
  probe(port: number): { readonly kind: "dual" | "separate" | "ipv4"; readonly port: number };
  /** IPv4 addresses of its interfaces. */
  addresses(): readonly string[];
}

/** This machine. */
export const machineFamilies: Families = {
  probe(wanted) {
    let both: Deno.TcpListener;
    try {
      both = Deno.listen({ hostname: "::", port: wanted });
    } catch {
      // No IPv6, or the port is taken: then listening itself says so.
      return { kind: "ipv4", port: wanted };
    }
    const { port } = both.addr;
    try {
      Deno.listen({ hostname: "0.0.0.0", port }).close();
      return { kind: "separate", port };
    } catch {
      return { kind: "dual", port };
    } finally {
      both.close();
    }
  },
  addresses: () => Deno.networkInterfaces().filter((i) => i.family === "IPv4").map((i) => i.address),
};

/** Makes each pair of `/ip4/0.0.0.0/tcp/P` and `/ip6/::/tcp/P` work on this machine; other addresses stay. */
export function pairFamilies(listen: readonly string[], families: Families = machineFamilies): Listening {
  const out = new Set(listen), announceToo: string[] = [];
  for (const four of listen) {
    const wanted = PAIR.exec(four)?.[1], six = `/ip6/::/tcp/${wanted}`;
    if (wanted === undefined || !out.has(six)) continue;
    const { kind, port } = families.probe(Number(wanted));
    out.delete(four);
    out.delete(six);
    if (kind !== "ipv4") out.add(`/ip6/::/tcp/${port}`);
    if (kind !== "dual") out.add(`/ip4/0.0.0.0/tcp/${port}`);
    else announceToo.push(...families.addresses().map((a) => `/ip4/${a}/tcp/${port}`));
  }
  return { listen: [...out], announceToo };
}
