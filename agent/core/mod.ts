/**
 * The mesh's brain: pure and synchronous. It decides; shells do. It knows no clock, randomness, network, disk or
 * database: all of them come in as values.
 */
export * from "./rendezvous.ts";
