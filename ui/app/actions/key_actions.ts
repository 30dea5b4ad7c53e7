/** What can be done with keys and invites. */
import { inviteId, isDigest, type KeyView, parseInviteToken, unwrap } from "../../../mod.ts";
import { table } from "../format.ts";
import { made } from "../invites.ts";
import type { Action } from "./action.ts";

/** A key is worth nothing from now on. */
const revokeKey = (k: KeyView): Action => ({
  label: "Revoke",
  icon: "stop",
  role: "admin",
  title: "Revoke this key?",
  text: `${k.name ?? k.key} can sign nothing from now on, nor can keys that it granted a role.`,
  danger: true,
  command: () => `realm key revoke ${k.key}`,
  toml: () => table("key", { key: k.key, revoke: true }),
  run: (c) => c.command("key.revoke", { key: k.key }),
});

/** What can be done with a key in its present state. */
export const keyActions = (k: KeyView, now: number): Action[] =>
  k.role === "owner" || k.revoked_at !== undefined || (k.until ?? Infinity) <= now ? [] : [revokeKey(k)];

/** An invite lets nobody in from now on; without an id it is asked for. */
export function revokeInvite(id?: string): Action {
  const idIn = (text: string): string => {
    const token = text.trim();
    return isDigest(token) ? token : inviteId(unwrap(parseInviteToken(token)).signed);
  };
  const wrong = (text: string): string | undefined => {
    try {
      return text.trim() === "" ? "the token, or the invite's id" : void idIn(text);
    } catch (error) {
      return error instanceof Error ? error.message : "no token";
    }
  };
  return {
    label: id ? "Revoke" : "Revoke the invite",
    icon: "stop",
    role: "admin",
    title: "Revoke the invite?",
    text: "No machine can join with it any more. Machines that joined stay members.",
    danger: true,
    ...(id === undefined && { fields: [{ name: "token", label: "Token or id", kind: "text", wrong }] }),
    command: ({ token }) => `realm invite --revoke ${id ?? (token.trim() === "" ? "TOKEN" : token.trim())}`,
    async run(client, { token }) {
      const invite = id ?? idIn(token);
      await client.command("invite.revoke", { invite });
      made.value = made.value.map((m) => m.id === invite ? { ...m, revoked: true } : m);
    },
  };
}
