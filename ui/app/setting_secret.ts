/** Which secret's value is being set; apart from the dialog, which is fetched when it is needed. */
import { signal } from "@preact/signals";
import type { SecretView } from "../../mod.ts";

/** The secret that gets another value, or `"new"`; `undefined`: nobody sets one. */
export const setting = signal<SecretView | "new" | undefined>(undefined);
