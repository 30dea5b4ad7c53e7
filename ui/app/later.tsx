/**
 * Views that the first visit does without: fetched while the page is idle, or when they are shown, whichever is first. A
 * page that has them all shows them also when its node runs another version by then, which has other files.
 */
import type { FunctionComponent } from "preact";
import { signal } from "@preact/signals";
import { sentence } from "./parts.tsx";

const unfetched = new Set<() => Promise<void>>();
/** Until the page is idle, or so much later: nothing waits for what is fetched ahead. */
const IDLE_MS = 2_000;
const idle = () =>
  new Promise<void>((resolve) =>
    // Not every browser has it.
    "requestIdleCallback" in globalThis
      ? requestIdleCallback(() => resolve(), { timeout: IDLE_MS })
      : setTimeout(resolve, IDLE_MS)
  );

/** Fetches all views that are not there yet, one after the other; ends at the first that does not come. */
export async function fetchAhead(): Promise<void> {
  for (const fetch of unfetched) {
    await idle();
    try {
      await fetch();
    } catch {
      // Whoever wants to see it asks again, and is told what is wrong.
      return;
    }
  }
}

/** A component that stands for one of a part of the script. A failed fetch is said, and tried again by the button. */
export function later<P extends object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
  const loaded = signal<FunctionComponent<P> | undefined>(undefined), error = signal("");
  const fetch = async () => {
    loaded.value = await load();
    unfetched.delete(fetch);
  };
  unfetched.add(fetch);
  let asked = false;
  const ask = () => {
    asked = true;
    error.value = "";
    fetch().catch((failure) => error.value = sentence(failure));
  };
  return function Later(props) {
    if (!asked && !loaded.value) ask();
    const View = loaded.value;
    if (View) return <View {...props} />;
    if (!error.value) return <p class="muted" role="status">Loading …</p>;
    return (
      <div class="error" role="alert">
        This part of the page did not come: {error.value}{" "}
        <button type="button" onClick={ask}>Try again</button>
      </div>
    );
  };
}
