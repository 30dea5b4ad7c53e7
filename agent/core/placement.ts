/**
 * Placement: a pure function of what is wanted and what the nodes say of themselves. Filters exclude, the score ranks,
 * the rendezvous hash breaks ties; the answer carries, for every node, all the reasons why it was excluded.
 */
import type { NodeId } from "../protocol/identity.ts";
import { rendezvousRank } from "./rendezvous.ts";

/** A node as placement sees it. */
export interface Candidate {
  readonly id: NodeId;
  readonly name: string;
  readonly state: "alive" | "suspect" | "unreachable" | "left";
  readonly cordoned: boolean;
  readonly draining: boolean;
  /** About to restart as another version. */
  readonly leaving: boolean;
  readonly tags: readonly string[];
  readonly runtimes: readonly string[];
  readonly memoryMb: number;
  /** Memory that decided replicas and reservations take. */
  readonly reservedMb: number;
  /** When it started, by its clock; 0 while that is unknown. */
  readonly startedAt: number;
}

/** What is to be placed. */
export interface Wanted {
  /** Ties are broken by a hash over this. */
  readonly key: string;
  readonly memoryMb: number;
  readonly tags: readonly string[];
  /** Runtime that the node must have; none for static files. */
  readonly runtime?: string;
  /** Nodes on which it must not run now, and why. */
  readonly excluded: ReadonlyMap<NodeId, string>;
  /** Commands that would change that. */
  readonly fixes?: ReadonlyMap<NodeId, string>;
  /** How many like it run on each node already: spread comes first. */
  readonly alike: ReadonlyMap<NodeId, number>;
}

/** One node's verdict. */
export interface NodeVerdict {
  readonly id: NodeId;
  readonly name: string;
  /** Empty when the node can take it. */
  readonly reasons: readonly string[];
  /** What would make it possible, as a command; for the nearest fix. */
  readonly fix?: string;
}

/** The whole answer. */
export interface Placement {
  /** Nodes that can take it, best first. */
  readonly ranked: readonly NodeId[];
  readonly verdicts: readonly NodeVerdict[];
}

/** Whether a node's tags fulfil a selector: all words present, no `!word` present. Case matters. */
export function matchesTags(tags: readonly string[], selector: readonly string[]): boolean {
  return selector.every((word) => word.startsWith("!") ? !tags.includes(word.slice(1)) : tags.includes(word));
}

function judge(node: Candidate, wanted: Wanted): NodeVerdict {
  const reasons: string[] = [];
  let fix: string | undefined;
  if (node.state !== "alive" && node.state !== "suspect") reasons.push(`is ${node.state}`);
  if (node.draining) reasons.push("is draining");
  else if (node.cordoned) reasons.push("is cordoned");
  if (node.cordoned || node.draining) fix = `realm node uncordon ${node.name}`;
  const missing = wanted.tags.filter((t) => !matchesTags(node.tags, [t]));
  if (missing.length > 0) {
    reasons.push(
      missing.map((t) => t.startsWith("!") ? `has the tag ${t.slice(1)}` : `lacks the tag ${t}`).join(", "),
    );
    const lacking = missing.filter((t) => !t.startsWith("!"));
    if (lacking.length > 0) fix ??= `realm node tag ${node.name} ${[...node.tags, ...lacking].join(",")}`;
  }
  if (wanted.runtime && !node.runtimes.includes(wanted.runtime)) {
    reasons.push(`has no ${wanted.runtime} runtime`);
  }
  const free = node.memoryMb - node.reservedMb;
  if (wanted.memoryMb > free) {
    reasons.push(`has ${Math.max(0, free)} MiB of memory free, ${wanted.memoryMb} needed`);
  }
  const excluded = wanted.excluded.get(node.id);
  if (excluded !== undefined) reasons.push(excluded);
  fix ??= wanted.fixes?.get(node.id);
  return { id: node.id, name: node.name, reasons, ...(fix === undefined ? {} : { fix }) };
}

/** Share of a node's memory that is taken, in eighths: small differences do not outweigh stability. */
const load = (node: Candidate): number =>
  node.memoryMb === 0 ? 8 : Math.floor(8 * node.reservedMb / node.memoryMb);

/** Ranks the nodes for one placement. Same inputs, same answer, on every node. */
export function place(wanted: Wanted, nodes: readonly Candidate[]): Placement {
  const sorted = [...nodes].sort((a, b) => a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  const verdicts = sorted.map((node) => judge(node, wanted));
  const able = sorted.filter((_, i) => verdicts[i].reasons.length === 0);
  const order = new Map(rendezvousRank(wanted.key, able.map((n) => n.id)).map((id, i) => [id, i]));
  const ranked = [...able].sort((a, b) =>
    (wanted.alike.get(a.id) ?? 0) - (wanted.alike.get(b.id) ?? 0) ||
    (a.state === "suspect" ? 1 : 0) - (b.state === "suspect" ? 1 : 0) ||
    load(a) - load(b) ||
    order.get(a.id)! - order.get(b.id)!
  );
  return { ranked: ranked.map((n) => n.id), verdicts };
}
