/** Where the person is: the address's path, so that every object has a link. */
import { signal } from "@preact/signals";
import type { Noun } from "./nouns.ts";

/** Path of the view. */
export const path = signal(location.pathname);

/** Goes to a view. */
export function go(to: string): void {
  if (to === path.value) return;
  history.pushState(null, "", to);
  path.value = to;
  scrollTo(0, 0);
}

/** Path of an object's view. */
export const to = (noun: Noun, name: string): string => `/${noun}/${encodeURIComponent(name)}`;

/** A part of the address as it was before encoding; the text itself when it is none. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Follows links of the page without loading it anew, and the back button. */
export function startRouter(): void {
  addEventListener("popstate", () => path.value = location.pathname);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.pathname);
  });
}
