/** Views that are fetched when they are first shown: most visits do without them. */
import type { FunctionComponent } from "preact";
import { signal } from "@preact/signals";
import { sentence } from "./parts.tsx";

/** A component that stands for one of a part of the script. A failed fetch is said, and tried again by the button. */
export function later<P extends object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
  const loaded = signal<FunctionComponent<P> | undefined>(undefined), error = signal("");
  let asked = false;
  const ask = () => {
    asked = true;
    load().then((view) => loaded.value = view, (failure) => error.value = sentence(failure));
  };
  return function Later(props) {
    if (!asked) ask();
    const View = loaded.value;
    if (View) return <View {...props} />;
    if (!error.value) return <p class="muted" role="status">Loading …</p>;
    return (
      <div class="error" role="alert">
        This part of the page did not come: {error.value}{" "}
        <button type="button" onClick={() => (error.value = "", ask())}>Try again</button>
      </div>
    );
  };
}
