import assert from "node:assert/strict";
import type { Core } from "../core/mod.ts";
import { RealmError } from "../protocol/mod.ts";
import { type ContentPlaces, readAnywhere } from "./fetching.ts";

const DIGEST = "a".repeat(64);
const bytes = (text: string) => new Response(text).body!;

/** Content of which the first `damaged` reads fail before their first byte. */
function places(damaged: number): ContentPlaces & { readonly fetched: () => number } {
  let here = true, reads = 0, fetched = 0;
  const store = {
    has: () => Promise.resolve(here),
    read: () => {
      if (++reads > damaged) return bytes("whole");
      here = false;
      return new ReadableStream({
        pull: (c) => c.error(new RealmError("bad_digest", "the blob is damaged on this node")),
      }, { highWaterMark: 0 });
    },
  };
  const exchange = {
    fetch: () => {
      fetched++;
      here = true;
      return Promise.resolve();
    },
  };
  return {
    core: {} as Core,
    contents: { store, exchange } as unknown as ContentPlaces["contents"],
    fetched: () => fetched,
  };
}
const read = (from: ContentPlaces) => readAnywhere(from, DIGEST, new AbortController().signal);

Deno.test("content that proves damaged at its first byte is fetched again before anything is answered", async () => {
  const from = places(1);
  assert.equal(await new Response(await read(from)).text(), "whole");
  assert.equal(from.fetched(), 1);
});

Deno.test("content that is damaged again is refused, not tried for ever", async () => {
  const from = places(9);
  await assert.rejects(read(from), { code: "bad_digest" });
  assert.equal(from.fetched(), 1);
});
