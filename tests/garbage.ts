/** The memory collector, at a test's command. */
import v8 from "node:v8";
import vm from "node:vm";
import { eventually } from "./content.ts";

let gc: (() => void) | undefined;

/** Collects all memory that nothing holds. */
export function collect(): void {
  if (!gc) {
    v8.setFlagsFromString("--expose-gc");
    gc = vm.runInNewContext("gc") as () => void;
  }
  gc();
}

/** Collects until a condition holds; throws with `what` when it does not. What runs of promises held goes turn by turn. */
export const collectGarbage = (condition: () => boolean, what: string): Promise<void> =>
  eventually(() => {
    collect();
    return condition();
  }, what);
