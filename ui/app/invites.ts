/** Invites of this page: they are in no list of the realm before a machine uses them. */
import { effect, signal } from "@preact/signals";
import { session } from "./session.ts";

/** Whether the dialog is open. */
export const inviting = signal(false);
/** Invites made on this page: what revoking needs, not the tokens. */
export const made = signal<
  readonly {
    readonly id: string;
    readonly uses: number;
    readonly tags: readonly string[];
    readonly until: number;
    readonly revoked?: boolean;
  }[]
>([]);
effect(() => {
  if (!session.value) {
    made.value = [];
    inviting.value = false;
  }
});
