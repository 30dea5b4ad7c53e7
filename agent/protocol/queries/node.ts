/** What is asked about nodes. */
import { query, stretch } from "./query.ts";

/** By name. */
export const nodeQueries = {
  "node.list": query({
    method: "GET",
    path: "/api/nodes",
    role: "viewer",
    summary: "All nodes",
    answer: "json",
    type: "NodeView[]",
    cli: ["node list"],
  }),
  "node.show": query({
    method: "GET",
    path: "/api/nodes/{node}",
    role: "viewer",
    summary: "One node, by id, short id or name",
    answer: "json",
    type: "NodeView",
    cli: ["node show"],
  }),
  "node.connections": query({
    method: "GET",
    path: "/api/nodes/{node}/connections",
    role: "viewer",
    summary: "Connections of a node to other members, with the round trip measured now",
    answer: "json",
    type: "ConnectionView[]",
    cli: ["node show"],
  }),
  "node.diagnose": query({
    method: "GET",
    path: "/api/nodes/{node}/doctor",
    role: "viewer",
    summary: "What a node can do and what is missing there, asked of that node",
    answer: "json",
    type: "FindingView[]",
    cli: ["node diagnose"],
  }),
  "node.metrics": query({
    method: "GET",
    path: "/api/metrics/nodes/{node}",
    role: "viewer",
    summary: "Figures of a node over time: 10 s intervals for a day, 5 min for 30 days",
    params: stretch,
    answer: "json",
    type: "MetricsView",
    cli: ["node metrics"],
  }),
} as const;
