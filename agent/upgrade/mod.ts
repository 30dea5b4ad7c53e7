/**
 * One node's part in an upgrade of the fleet: executables under `versions/`, the pointer to the one that runs, the steps
 * from an order to a version that proved itself. A node has one good version at every moment. It knows nothing of who is
 * told when: that is the core's business.
 */
export * from "./pointer.ts";
export { selfTest } from "./self_test.ts";
export * from "./steps.ts";
export * from "./upgrader.ts";
export { Versions } from "./versions.ts";
