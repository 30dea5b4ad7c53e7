/** What a node is started with. */
import type { Log } from "../ports.ts";
import type { OnStep } from "../upgrade/mod.ts";
import type { NodeId, RealmFile } from "../protocol/mod.ts";
import type { ProgramRuntime, Runtime } from "../runtimes/mod.ts";

/** How a node is started. */
export interface AgentOptions {
  readonly dataDir: string;
  /** 32-byte seed of the node key. */
  readonly seed: Uint8Array;
  /** The id that the key file names: a seed of another is damaged, and refused. */
  readonly id?: NodeId;
  readonly realmFile: RealmFile;
  readonly name: string;
  readonly tags: readonly string[];
  /** Multiaddrs. */
  readonly listen: readonly string[];
  readonly announce?: readonly string[];
  readonly gateway: { readonly hostname: string; readonly port: number };
  /** PEM files of whatever is served by HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Where apps are served by HTTPS besides. */
  readonly gatewayTls?: { readonly hostname: string; readonly port: number };
  /** See `GatewayOptions`. */
  readonly trustedProxies?: readonly string[];
  /** File that each request at the gateway is written to. */
  readonly accessLog?: string;
  readonly mdns: boolean;
  readonly relay: boolean;
  readonly version: string;
  readonly log: Log;
  /** Engines by kind; those that work are published. */
  readonly runtimes: readonly Runtime[];
  /** The engine for programs of the operating system, where there is one. */
  readonly native?: ProgramRuntime;
  /** Called when an invariant broke: the process must end. */
  readonly onCrash: (error: unknown) => void;
  /** Version of the supervisor's own executable; absent without one that can start other versions. */
  readonly base?: string;
  /** Told before each step of an upgrade; for tests. */
  readonly onUpgradeStep?: OnStep;
  /** MiB of memory that may be reserved; default 80 % of the machine's. */
  readonly memoryMb?: number;
}
