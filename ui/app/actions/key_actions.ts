/** What can be done with a key. */
import type { KeyView } from "../../../mod.ts";
import { table } from "../format.ts";
import type { Action } from "./action.ts";

/** A key is worth nothing from now on. */
export const revokeKey = (k: KeyView): Action => ({
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
