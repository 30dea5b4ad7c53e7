/** The parts of a running node, as those see it who answer for it. */
import type { Core } from "../core/mod.ts";
import type { Gateway } from "../gateway/mod.ts";
import type { AgentOptions } from "./agent_options.ts";
import type { Mesh } from "../mesh/mod.ts";
import type { Database } from "../platform/mod.ts";
import type { NodeId } from "../protocol/mod.ts";
import type { AuditLog } from "./audit_log.ts";
import type { Contents } from "./contents.ts";
import type { CoreLoop } from "./core_loop.ts";
import type { Events } from "./event_stream.ts";
import type { LoopDelay } from "./loop_delay.ts";
import type { ForgeDoor } from "./forge/forge_door.ts";
import type { JobHost } from "./jobs/job_host.ts";
import type { Monitoring } from "./monitoring.ts";
import type { NativeHost } from "./native_host.ts";
import type { ReplicaLogs } from "./replica_log.ts";
import type { Replicas } from "./replicas.ts";
import type { Upgrading } from "./upgrading.ts";

/** Parts that a running agent is made of; `startAgent` returns them wired. */
export interface Agent extends AsyncDisposable {
  readonly self: NodeId;
  readonly options: AgentOptions;
  readonly core: Core;
  readonly loop: CoreLoop;
  readonly mesh: Mesh;
  readonly contents: Contents;
  readonly gateway: Gateway;
  readonly replicas: Replicas;
  readonly jobs: JobHost;
  readonly logs: ReplicaLogs;
  readonly native: NativeHost;
  readonly forge: ForgeDoor;
  readonly upgrading: Upgrading;
  readonly audit: AuditLog;
  readonly events: Events;
  readonly database: Database;
  readonly loopDelay: LoopDelay;
  readonly monitoring: Monitoring;
  /** `http://host:port`. */
  readonly gatewayUrl: string;
  /** At its end programs that can go on do so, until the next agent takes them over; else they are ended. */
  handOver(): void;
  /** The API's address, once it listens: published to the others; and `host:port` of its sockets. */
  announceApi(address: string, sockets: readonly string[]): void;
  /** `host:port` of each socket of API and gateway. */
  readonly sockets: { readonly api: readonly string[]; readonly gateway: readonly string[] };
}
