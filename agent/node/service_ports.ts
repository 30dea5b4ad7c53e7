/**
 * Ports of this machine that programs of services were given: none is given twice before the one that has it has ended,
 * whether it listens there yet or not. What outlived an agent keeps its ports under the next one.
 */
import { RealmError } from "../protocol/mod.ts";

/** A port by its name. */
export interface NamedPort {
  readonly name: string;
  readonly port: number;
}

/** Ports that one program has. */
export interface PortLease {
  readonly ports: readonly NamedPort[];
  /** The program has ended: others may have them. */
  release(): void;
}

/** The system gives the same free port twice once in thousands of times; one that all have is no port at all. */
const TRIES = 64;

/** Whether nobody listens at a port, and this user may: then the port, which is another when `port` is 0. */
function free(port: number): number | undefined {
  try {
    // Closed by hand: the bundler's minifier drops a `using` whose value is used once.
    const listener = Deno.listen({ hostname: "127.0.0.1", port });
    const { port: found } = listener.addr;
    listener.close();
    return found;
  } catch {
    return undefined;
  }
}

/** See the module's text. `find`: for tests. */
export class ServicePorts {
  readonly #leases = new Set<PortLease>();
  readonly #find: (port: number) => number | undefined;

  constructor(find = free) {
    this.#find = find;
  }

  /** For a program that starts: the ports that it wishes where nobody has them, else any that are free. */
  reserve(wished: readonly NamedPort[]): PortLease {
    const taken = new Set([...this.#leases].flatMap((lease) => lease.ports.map((p) => p.port)));
    return this.hold(wished.map(({ name, port }) => {
      const found = this.#choose(port, taken);
      taken.add(found);
      return { name, port: found };
    }));
  }

  /** For a program that has these already. */
  hold(ports: readonly NamedPort[]): PortLease {
    const lease: PortLease = { ports, release: () => void this.#leases.delete(lease) };
    this.#leases.add(lease);
    return lease;
  }

  #choose(wished: number, taken: ReadonlySet<number>): number {
    if (wished !== 0 && !taken.has(wished) && this.#find(wished) !== undefined) return wished;
    for (let left = TRIES; left > 0; left--) {
      const port = this.#find(0);
      if (port !== undefined && !taken.has(port)) return port;
    }
    throw new RealmError(
      "unavailable",
      "this node has no free port; end what listens at many, or scale down",
    );
  }
}
