/** Replicas of services whose programs go on from before this start, until their orders come to take them over. */
import type { RunOrder } from "../core/mod.ts";
import type { Disk } from "../ports.ts";
import type { Survivor } from "../runtimes/mod.ts";
import type { NamedPort, PortLease, ServicePorts } from "./service_ports.ts";

/** What the next agent must know of a replica's program; it travels with the program. */
export interface ReplicaMemo {
  readonly kind: "replica";
  readonly replica: string;
  readonly revision: string;
  /** Ports that it was given, by their names. */
  readonly ports: readonly NamedPort[];
  /** Which values of its secrets it was given: their versions by name. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** What its inputs by git stand for, by mount. */
  readonly commits?: Readonly<Record<string, string>>;
}

/** One that can be taken over. */
export interface ServiceAdoption {
  readonly memo: ReplicaMemo;
  readonly survivor: Survivor;
  /** Its ports, held until it has ended. */
  readonly lease: PortLease;
}

/** Ends a program that is not gone on with. */
export async function endSurvivor({ survivor, lease }: ServiceAdoption): Promise<void> {
  await survivor.end();
  lease.release();
}

/** Directory below which the files of all replicas of services lie. */
const servicesDirectory = (dataDir: string): string => `${dataDir}/work/services`;

/** Directory of all that is a replica's. */
export const replicaDirectory = (dataDir: string, replica: string): string =>
  `${servicesDirectory(dataDir)}/${replica}`;

/** Directory of a replica's files; its program sees it as `/`. */
export const serviceDirectory = (dataDir: string, replica: string): string =>
  `${replicaDirectory(dataDir, replica)}/files`;

/** See the module's text. */
export class ServiceAdoptions {
  readonly #found = new Map<string, ServiceAdoption>();

  /** Those among survivors; they keep their ports. */
  constructor(survivors: readonly Survivor[], ports: ServicePorts) {
    for (const survivor of survivors) {
      const memo = JSON.parse(survivor.memo) as ReplicaMemo | { readonly kind: "attempt" };
      if (memo.kind === "replica") {
        this.#found.set(memo.replica, { memo, survivor, lease: ports.hold(memo.ports) });
      }
    }
  }

  /** Ends what `orders` do not want, and removes its files. Call once, before replicas are reconciled. */
  async recover(orders: readonly RunOrder[], disk: Disk, dataDir: string): Promise<void> {
    for (const [replica, adoption] of this.#found) {
      if (orders.some((o) => o.replica === replica && o.revision.id === adoption.memo.revision)) continue;
      this.#found.delete(replica);
      await endSurvivor(adoption);
    }
    for (const name of await disk.list(servicesDirectory(dataDir))) {
      if (!this.#found.has(name)) await disk.remove(`${servicesDirectory(dataDir)}/${name}`);
    }
  }

  /** Replicas that can be taken over. */
  get replicas(): readonly string[] {
    return [...this.#found.keys()];
  }

  /** The one of a replica; it is there once. */
  take(replica: string): ServiceAdoption | undefined {
    const found = this.#found.get(replica);
    this.#found.delete(replica);
    return found;
  }
}
