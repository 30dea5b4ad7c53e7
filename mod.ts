export * from "./agent/protocol/errors.ts";
