/** Orders of replicas for tests: what a node is told to run. */
import type { RunOrder } from "../agent/core/mod.ts";

/** An order of a replica; `volumes` are those that its revision has. */
export const testOrder = (replica: string, app = "web", volumes: string[] = []): RunOrder => ({
  replica,
  app,
  slot: 0,
  epoch: 1,
  revision: {
    id: "a".repeat(64),
    number: 1,
    kind: "deploy",
    spec: {
      package: "a".repeat(64),
      version: "1.0.0",
      kind: "static",
      memory_mb: 64,
      routes: [app],
      volumes,
      bytes: 1,
    },
    at: 0,
    by: "owner",
  },
});
