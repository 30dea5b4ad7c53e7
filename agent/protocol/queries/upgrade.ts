/** What is asked about upgrades of the fleet, and the request that starts one with its files. */
import { query } from "./query.ts";

/** By name. */
export const upgradeQueries = {
  "upgrade.show": query({
    method: "GET",
    path: "/api/upgrades/{upgrade}",
    role: "viewer",
    summary: "One upgrade of the fleet, node by node, by the beginning of its id or as `current`",
    answer: "json",
    type: "UpgradeView",
    cli: ["upgrade status", "upgrade"],
  }),
  "upgrade.list": query({
    method: "GET",
    path: "/api/upgrades",
    role: "viewer",
    summary: "Upgrades of the fleet, newest first",
    answer: "json",
    type: "UpgradeView[]",
    cli: ["upgrade history"],
  }),
  "upgrade.upload": query({
    method: "POST",
    path: "/api/upgrade",
    role: "operator",
    summary: "Start an upgrade in one request: multipart/form-data with the part `command` (a signed " +
      "upgrade.start, first) and the executables under the file names that the release gives them",
    multipart: true,
    answer: "json",
    type: "SubmittedView",
    cli: ["upgrade"],
  }),
} as const;
