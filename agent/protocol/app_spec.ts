/** An app as it is wished for: what a deploy says of its package, and how many replicas it has where. */
import * as v from "valibot";
import type { Digest } from "./identity.ts";
import { limits } from "./limits.ts";
import { parseRoute } from "./routes.ts";
import { type ServiceSpec, ServiceSpecSchema } from "./service_spec.ts";

import { DigestSchema, NameSchema, SelectorSchema } from "./wire_values.ts";

/** What placement and routing need of a package; the manifest itself travels as a blob and must agree. */
const appFields = {
  package: DigestSchema,
  version: v.pipe(v.string(), v.maxLength(64)),
  kind: v.picklist(["static", "component", "service"]),
  memory_mb: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1 << 20)),
  /** `host[/path]` each, in the canonical form of `showRoute`. */
  routes: v.pipe(
    v.array(v.pipe(
      v.string(),
      v.maxLength(512),
      v.check((t) => typeof parseRoute(t) !== "string", "a route: host[/path]"),
    )),
    v.maxLength(32),
  ),
  volumes: v.pipe(v.array(NameSchema), v.maxLength(16)),
  /** Bytes of the whole package, for placement by data locality and progress. */
  bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
  service: v.optional(ServiceSpecSchema),
};
/** See {@link AppSpec}. */
export const AppSpecSchema = v.pipe(
  v.strictObject(appFields),
  v.check(
    (spec) => (spec.kind === "service") === (spec.service !== undefined),
    "a service says what it runs",
  ),
);
/** What placement and routing need of a package. */
export interface AppSpec {
  /** Digest of the package: SHA-256 of its manifest; of a service, of what it is. */
  package: Digest;
  /** The package's own version text. */
  version: string;
  /** `static`: files only. `service`: a program that a job of this type runs. */
  kind: "static" | "component" | "service";
  /** Memory ceiling of one instance, MiB. */
  memory_mb: number;
  /** Where it answers: a host label or host name each, with an optional path prefix. */
  routes: string[];
  /** Names of state volumes. */
  volumes: string[];
  /** Bytes of the whole package. */
  bytes: number;
  /** Of a service: what it runs. */
  service?: ServiceSpec | undefined;
}

/** Number of replicas, or one on each matching node. */
export const ReplicasSchema = v.union([
  v.literal("all"),
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(limits.replicas)),
]);
/** How a new version replaces the old one. */
export const StrategySchema = v.picklist(["rolling", "all", "canary"]);

/** See {@link DeployWish}. */
export const DeploySchema = v.strictObject({
  app: NameSchema,
  spec: AppSpecSchema,
  replicas: ReplicasSchema,
  tags: SelectorSchema,
  strategy: StrategySchema,
});

/** Number of replicas, or one on each matching node. */
export type Replicas = number | "all";

/** What one deploy wishes. */
export interface DeployWish {
  /** Name of the app, a DNS label. */
  app: string;
  /** What to run. */
  spec: AppSpec;
  /** How many. */
  replicas: Replicas;
  /** Node tags, or `!tag` to exclude. */
  tags: string[];
  /** How the new version replaces the old one. */
  strategy: "rolling" | "all" | "canary";
}
