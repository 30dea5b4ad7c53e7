/** Projection of secrets: the last word on each, what it is for, and who can open it. Values never pass through here. */
import type { Command } from "../../protocol/command.ts";
import type { Digest, KeyId, NodeId } from "../../protocol/identity.ts";
import type { RecordBody } from "../../protocol/record.ts";
import type { SecretBox, SecretScope, SecretWish } from "../../protocol/secret.ts";

type SecretCommand = Extract<Command, { kind: "secret.set" | "secret.scope" | "secret.remove" }>;

interface Word {
  readonly at: number;
  readonly id: Digest;
}

/** All that was said about one name. */
interface SecretState {
  /** The last word: a value, or without one its end. */
  last?: Word & { readonly by: KeyId; readonly wish?: SecretWish };
  /** The last scope of each version, where it is another than the first. */
  readonly scopes: Map<string, Word & { readonly scope: SecretScope }>;
  /** Boxes that nodes made for others. */
  readonly given: Map<NodeId, RecordBody<"secret">>;
  /** What follows from all that: asked for with each node and run. */
  derived?: Secret | undefined;
}

/** All that a core knows of secrets. */
export interface Secrets {
  readonly states: Map<string, SecretState>;
  /** Something changed that may entitle a node. */
  dirty: boolean;
  /** When to look again whether another holder did its part. */
  lookAgainAt: number;
  /** Since when a node lacks its box, by version and node. */
  readonly lacking: Map<string, number>;
  /** Versions whose boxes the shell makes at this moment, and until when it is waited for. */
  readonly asked: Map<string, number>;
  /** Versions that this node should be able to open and is not. */
  readonly unopened: Set<string>;
}

/** A secret that stands. */
export interface Secret {
  readonly name: string;
  readonly version: string;
  readonly command: Digest;
  readonly at: number;
  readonly by: KeyId;
  readonly sealed: string;
  readonly scope: SecretScope;
  /** Who can open it, and by which boxes. */
  readonly boxes: ReadonlyMap<NodeId, readonly string[]>;
}

/** Nothing known. */
export const createSecrets = (): Secrets => ({
  states: new Map(),
  dirty: false,
  lookAgainAt: Infinity,
  lacking: new Map(),
  asked: new Map(),
  unopened: new Set(),
});

/** Forgets what is derived from records, to derive it anew. */
export function clearSecrets(secrets: Secrets): void {
  secrets.states.clear();
  secrets.dirty = true;
}

function stateOf(secrets: Secrets, name: string): SecretState {
  let state = secrets.states.get(name);
  if (!state) secrets.states.set(name, state = { scopes: new Map(), given: new Map() });
  return state;
}

const isLater = (word: Word, known: Word | undefined): boolean =>
  !known || word.at > known.at || (word.at === known.at && word.id > known.id);

/** Takes a command in; the last word counts, whatever came first. */
export function applySecret(secrets: Secrets, command: SecretCommand): void {
  const { id, at, by } = command;
  const state = stateOf(secrets, command.body.name);
  state.derived = undefined;
  secrets.dirty = true;
  if (command.kind === "secret.scope") {
    const { version, scope } = command.body;
    if (isLater(command, state.scopes.get(version))) state.scopes.set(version, { at, id, scope });
    return;
  }
  if (!isLater(command, state.last)) return;
  state.last = { at, id, by, ...(command.kind === "secret.set" ? { wish: command.body } : {}) };
}

/** Takes in the boxes that a node made. */
export function applyBoxes(secrets: Secrets, author: NodeId, body: RecordBody<"secret">): void {
  const state = stateOf(secrets, body.name);
  state.derived = undefined;
  state.given.set(author, body);
  secrets.dirty = true;
}

/** A secret by name; `undefined`: there is none, or not any more. */
export function secretNamed({ states }: Secrets, name: string): Secret | undefined {
  const state = states.get(name);
  const { last } = state ?? {};
  if (!state || !last?.wish) return undefined;
  if (state.derived) return state.derived;
  const { version, sealed, scope } = last.wish;
  const boxes = new Map<NodeId, string[]>();
  const add = ({ node, box }: SecretBox) => boxes.set(node, [...boxes.get(node) ?? [], box]);
  last.wish.boxes.forEach(add);
  for (const given of state.given.values()) if (given.version === version) given.boxes.forEach(add);
  return state.derived = {
    name,
    version,
    command: last.id,
    at: last.at,
    by: last.by,
    sealed,
    scope: state.scopes.get(version)?.scope ?? scope,
    boxes,
  };
}

/** All that stand, by name. */
export const standingSecrets = (secrets: Secrets): readonly Secret[] =>
  [...secrets.states.keys()].sort().flatMap((name) => secretNamed(secrets, name) ?? []);

/** Whether a command about secrets matters no more. */
export function isSpareSecret(
  { states }: Secrets,
  { id, at, kind, body }: SecretCommand,
  retire: number,
  forget: number,
): boolean {
  const state = states.get(body.name);
  const { last } = state ?? {};
  if (kind === "secret.scope") {
    const standing = last?.wish?.version === body.version && state?.scopes.get(body.version)?.id === id;
    return !standing && at < retire;
  }
  return last?.id === id ? !last.wish && at < forget : at < retire;
}

/** Forgets a command that matters no more. */
export function forgetSecret({ states }: Secrets, { id, kind, body }: SecretCommand): void {
  const state = states.get(body.name);
  if (!state) return;
  state.derived = undefined;
  if (kind === "secret.scope") {
    if (state.scopes.get(body.version)?.id === id) state.scopes.delete(body.version);
  } else if (state.last?.id === id) delete state.last;
  dropEmpty(states, body.name);
}

/** Whether a node's boxes matter no more: there is another value, or none. */
export const areSpareBoxes = ({ states }: Secrets, { name, version }: RecordBody<"secret">): boolean =>
  states.get(name)?.last?.wish?.version !== version;

/** Forgets the boxes that a node made. */
export function forgetBoxes({ states }: Secrets, author: NodeId, name: string): void {
  const state = states.get(name);
  if (!state) return;
  state.derived = undefined;
  state.given.delete(author);
  dropEmpty(states, name);
}

function dropEmpty(states: Secrets["states"], name: string): void {
  const state = states.get(name);
  if (state && !state.last && state.scopes.size === 0 && state.given.size === 0) states.delete(name);
}
