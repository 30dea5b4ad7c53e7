const DIGITS: readonly (readonly [string, number])[] = [
  ["M", 1000],
  ["CM", 900],
  ["D", 500],
  ["CD", 400],
  ["C", 100],
  ["XC", 90],
  ["L", 50],
  ["XL", 40],
  ["X", 10],
  ["IX", 9],
  ["V", 5],
  ["IV", 4],
  ["I", 1],
];

/** A number from 1 to 3999 in Roman digits. */
export function roman(n: number): string {
  if (!Number.isInteger(n) || n < 1 || n > 3999) throw new RangeError(`${n} has no Roman form`);
  let text = "", rest = n;
  for (const [digit, value] of DIGITS) {
    for (; rest >= value; rest -= value) text += digit;
  }
  return text;
}
