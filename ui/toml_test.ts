import assert from "node:assert/strict";
import { piecesOf } from "./app/toml/colours.ts";
import { proposalsAt } from "./app/toml/completion.ts";

const none = () => [];
/** Proposals where `|` stands. */
const at = (text: string, asked = false) =>
  proposalsAt(text.replace("|", ""), text.indexOf("|"), none, asked)?.all.map((p) => p.text) ?? [];

Deno.test("piecesOf() loses nothing of a text, whatever is in it", () => {
  const letters = [
    '"',
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    "#",
    "\n",
    " ",
    "a",
    "1",
    "-",
    ".",
    "\\",
    "ü",
    "\u202e",
    '"""',
  ];
  let seed = 7;
  for (let round = 0; round < 3_000; round++) {
    let text = "";
    for (let i = 0; i < 24; i++) {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      text += letters[(seed >> 8) % letters.length];
    }
    assert.equal(piecesOf(text).map((p) => p.text).join(""), text);
  }
});

Deno.test("piecesOf() tells tables, keys, texts, numbers and comments apart", () => {
  const kinds = piecesOf('[app] # why\nname = "x"\nreplicas = 2\non = true\n').filter((p) =>
    p.kind !== "plain"
  );
  assert.deepEqual(kinds.map((p) => [p.kind, p.text]), [
    ["header", "[app]"],
    ["comment", "# why"],
    ["key", "name"],
    ["sign", "="],
    ["string", '"x"'],
    ["key", "replicas"],
    ["sign", "="],
    ["number", "2"],
    ["key", "on"],
    ["sign", "="],
    ["word", "true"],
  ]);
});

Deno.test("proposals are what the schema allows at that place, less what stands there already", () => {
  assert.ok(at("[|").includes("[app]"));
  assert.ok(at("[[n|").includes("[[node]]"));
  assert.deepEqual(at("[app]\nstr|").slice(0, 1), ["strategy = "]);
  assert.ok(!at('[app]\nname = "a"\nna|').includes("name = "));
  assert.deepEqual(at('[app]\nstrategy = "ca|"'), ['"canary"']);
  assert.deepEqual(at("[node]\ncordon = |"), ["true", "false"]);
  assert.deepEqual(at("# a comment na|"), []);
  assert.deepEqual(at("[app]\n|"), [], "nothing was typed and nothing asked for");
  assert.ok(at("[app]\n|", true).includes("package = "));
});

Deno.test("a proposal replaces the whole word under the cursor, to its closing quote", () => {
  const text = '[app]\nstrategy = "canary"';
  const found = proposalsAt(text, text.indexOf("nary"), none, false);
  assert.deepEqual(found && text.slice(found.from, found.to), '"canary"');
});

Deno.test("a node that is called so comes before those whose id has it somewhere", () => {
  const nodes = [["joined", '"12D3KooWabN3cd"'], ["n30", '"12D3KooWn3"'], ["n3", '"12D3KooWxyz"']]
    .map(([hint, text]) => ({ text, hint }));
  const found = (word: string) =>
    proposalsAt(`[node]\nnode = ${word}`, 14 + word.length, () => nodes, false)?.all.map((p) => p.hint);
  assert.deepEqual(found("n3"), ["n3", "n30", "joined"]);
  assert.deepEqual(found('"12D3KooWx'), ["n3"]);
});
