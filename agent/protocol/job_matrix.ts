/** From a matrix to its combinations. Values become text: what a job sees of them is text anyway. */
import type { WrittenJob } from "./job_written.ts";

type Matrix = NonNullable<WrittenJob["matrix"]>;
/** One combination: axis → value. */
export type Combination = Readonly<Record<string, string>>;

/** Keys of [matrix] that are no axes. */
const SETTINGS = ["exclude", "max_parallel", "fail_fast"];

/** The axes with their values as text, in the order of the text. */
export function axesOf(matrix: Matrix): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(matrix).filter(([name]) => !SETTINGS.includes(name)).map(([name, values]) => [
      name,
      (values as readonly unknown[]).map(String),
    ]),
  );
}

/** All combinations that are not excluded; the last axis varies fastest. One empty one without a matrix. */
export function expandMatrix(matrix: Matrix | undefined): readonly Combination[] {
  if (!matrix) return [{}];
  let all: Combination[] = [{}];
  for (const [axis, values] of Object.entries(axesOf(matrix))) {
    all = all.flatMap((made) => values.map((value) => ({ ...made, [axis]: value })));
  }
  const excludes = matrix.exclude ?? [];
  return all.filter((made) =>
    !excludes.some((entry) => Object.entries(entry).every(([axis, value]) => made[axis] === String(value)))
  );
}

/** `text` with `{matrix.AXIS}` replaced by this combination's value; other braces stay. */
export const fillIn = (text: string, combination: Combination): string =>
  text.replace(
    /\{matrix\.([a-z][a-z0-9_]*)\}/g,
    (whole, axis: string) => Object.hasOwn(combination, axis) ? combination[axis] : whole,
  );
