/** Whether somebody is being granted a role; apart from the dialog, which is fetched when it is needed. */
import { effect, signal } from "@preact/signals";
import { session } from "./session.ts";

/** Whether the dialog is open. */
export const granting = signal(false);
effect(() => {
  if (!session.value) granting.value = false;
});
