/** A form that asks something of the realm: one request at a time, and what was wrong with the last. */
import { useState } from "preact/hooks";
import { sentence } from "./parts.tsx";
import { type Session, session } from "./session.ts";

/** What a form shows of its submission. */
export interface Submission {
  readonly busy: boolean;
  /** Why the last one failed, in a sentence; empty when it did not. */
  readonly error: string;
  /** Handles the form's event: does `work` unless it is being done. */
  submit(event: Event, work: (signedIn: Session) => Promise<void>): void;
}

/** See the module's text. */
export function useSubmission(): Submission {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  return {
    busy,
    error,
    submit(event, work) {
      event.preventDefault();
      const signedIn = session.value;
      if (busy || !signedIn) return;
      setBusy(true);
      setError("");
      void work(signedIn).catch((failure) => setError(sentence(failure))).finally(() => setBusy(false));
    },
  };
}
