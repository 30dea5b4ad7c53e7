import assert from "node:assert/strict";
import { table } from "./display.ts";

const terminal = (columns: number) => ({
  out: () => {},
  err: () => {},
  live: columns > 0,
  colour: false,
  columns,
});
const head = ["RUN", "STATE", "WHY"];
const rows = [["build-1bd8166cfa82", "failed", "exited with code 1 and said why"], ["b", "cancelled", ""]];

Deno.test("a table that is wider than the terminal is broken between words, in its column", () => {
  const text = table(terminal(56), head, rows).split("\n");
  assert.deepEqual(text, [
    "RUN                 STATE      WHY",
    "build-1bd8166cfa82  failed     exited with code 1 and",
    "                               said why",
    "b                   cancelled",
    "",
  ]);
});

Deno.test("a last column without room stands below its row", () => {
  assert.deepEqual(table(terminal(40), head, rows).split("\n"), [
    "RUN                 STATE",
    "    WHY",
    "build-1bd8166cfa82  failed",
    "    exited with code 1 and said why",
    "b                   cancelled",
    "",
  ]);
});

Deno.test("a table that fits, or goes to a file, has one line per row", () => {
  const plain = table(terminal(0), head, rows);
  assert.equal(plain.split("\n")[1], "build-1bd8166cfa82  failed     exited with code 1 and said why");
  assert.equal(table(terminal(80), head, rows), plain);
});
