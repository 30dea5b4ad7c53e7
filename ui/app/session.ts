/** Who is signed in: a key in memory, never in storage, gone at sign-out and with the page. */
import { signal } from "@preact/signals";
import {
  createClient,
  type Credentials,
  parseDelegation,
  parseGrantFile,
  parseKeyFile,
  type RealmClient,
  RealmError,
  type Role,
  roles,
  type SessionView,
  signerFromSeed,
  signerOfKeyFile,
  unwrap,
} from "../../mod.ts";
import { putCounted } from "./files/upload.ts";

/** A signed-in person. */
export interface Session {
  readonly client: RealmClient;
  readonly role: Role;
  readonly key: string;
  /** Signs grants and invites; fails once signed out. */
  readonly credentials: () => Credentials;
  /** Ends every request and forgets the key. */
  readonly end: AbortController;
}
/** `undefined`: nobody is signed in. */
export const session = signal<Session | undefined>(undefined);
/** Why nobody is signed in any more, or what went wrong. */
export const notice = signal("");
/** When the event stream last gave a sign of life. */
export const heard = { at: 0, opened: () => {} };

/** Whether the session's role includes `needed`. */
export const may = (needed: Role): boolean =>
  session.value !== undefined && roles.indexOf(session.value.role) >= roles.indexOf(needed);

/** Lists that are asked for again and again: path → the last answer as text and as a value. */
const LISTS = ["/api/realm", "/api/nodes", "/api/apps"];
const answers = new Map<string, { readonly text: string; readonly value: unknown }>();

/** The same text is the same object: what is shown of it need not be drawn, nor looked through, anew. */
async function remembered(path: string, response: Response): Promise<Response> {
  const text = await response.text();
  const known = answers.get(path);
  const value = known?.text === text ? known.value : JSON.parse(text);
  answers.set(path, { text, value });
  return Object.assign(new Response(null, response), { json: () => Promise.resolve(value) });
}

/**
 * `fetch` that notes each sign of life of the event stream, counts the bytes of uploads, and gives the same objects for
 * the same answers.
 */
async function watched(url: string, init?: RequestInit): Promise<Response> {
  if (init?.method === "PUT") return await putCounted(url, init);
  const response = await fetch(url, { ...init, credentials: "omit", cache: "no-store" });
  const path = new URL(url).pathname;
  if (!response.ok || !response.body) return response;
  if (LISTS.includes(path)) return await remembered(path, response);
  if (!path.endsWith("/api/events")) return response;
  heard.at = Date.now();
  heard.opened();
  const tap = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      heard.at = Date.now();
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(tap), { status: response.status, headers: response.headers });
}

async function signIn(credentials: Credentials): Promise<void> {
  const end = new AbortController();
  let kept: Credentials | undefined = credentials;
  let view: SessionView | undefined;
  end.signal.addEventListener("abort", () => kept = undefined);
  const own = (): Credentials => {
    if (kept) return kept;
    throw new RealmError("unauthenticated", "signed out");
  };
  const client = createClient({
    url: location.origin,
    credentials: own,
    onSession: (opened) => void (view = opened),
    fetch: watched,
    signal: end.signal,
  });
  await client.realm();
  if (!view) throw new RealmError("unauthenticated", "the node opened no session");
  notice.value = "";
  session.value = { client, role: view.role, key: view.key, credentials: own, end };
}

/** Takes a link's key out of the address and out of the history; `undefined` where there is none. */
export function takeLink(): string | undefined {
  if (!location.hash.startsWith("#key=")) return undefined;
  const text = location.hash.slice(5);
  history.replaceState(null, "", location.pathname + location.search);
  return text;
}

/** Signs in with the key of a link. */
export async function signInByLink(text: string): Promise<void> {
  const { realm, seed, grants } = unwrap(parseDelegation(text));
  await signIn({ realm, signer: signerFromSeed(seed), grants });
}

/** Signs in with the text of a key file, and for an operator key the grants beside it. */
export async function signInByFiles(keyText: string, grantsText: string, passphrase: string): Promise<void> {
  const file = unwrap(parseKeyFile(keyText));
  if (file.kind === "node") {
    throw new RealmError("usage", "a node's key signs nobody in; choose an operator's");
  }
  if (file.kind === "operator" && grantsText === "") {
    throw new RealmError("usage", "an operator key needs its grants: choose the .grants.json beside it too");
  }
  if ("sealed" in file.secret && !globalThis.isSecureContext) {
    throw new RealmError("usage", "an encrypted key opens only on https or localhost; use 'realm dashboard'");
  }
  const signer = await signerOfKeyFile(file, () => passphrase);
  const grants = file.kind === "owner" ? undefined : unwrap(parseGrantFile(grantsText));
  await signIn({ realm: grants?.realm ?? file.id, signer, grants: grants?.grants ?? [] });
}

/** Forgets the key. */
export function signOut(why = ""): void {
  session.value?.end.abort();
  session.value = undefined;
  answers.clear();
  notice.value = why;
}
