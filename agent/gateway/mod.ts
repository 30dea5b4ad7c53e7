/** The gateway: routes HTTP requests of the outside to the apps of the realm. */
export { createGateway, Gateway, type GatewayOptions } from "./gateway.ts";
export type { ConnectTarget, LocalReplica, ReplicaTarget, Route, RouteTable } from "./routes.ts";
export {
  createStaticSite,
  hasHashedName,
  type StaticFile,
  type StaticSite,
  type StaticSiteSource,
} from "./static_site.ts";
export { type StaticDisk } from "./static_files.ts";
export { type Listen } from "./listeners.ts";
export { onBothFamilies, plainAddress, urlHost } from "./families.ts";
export { type CertificateFiles, readCertificate, watchCertificate } from "./certificate_files.ts";
export { type AppMetrics, type ErrorClass, latencyBounds } from "./metrics.ts";
export { type AccessEntry, type AccessLogOptions } from "./access_log.ts";
export { brokenOff, readBody, tooLarge } from "./whole_body.ts";
export { HTTP_PROTOCOL } from "./http_frames.ts";
