import assert from "node:assert/strict";
import { createMemoryMesh } from "../../tests/peer_streams.ts";
import { clockProblem, createClockOffset } from "./clock_offset.ts";
import { askPeer, ping, servePeers } from "./peers.ts";

Deno.test("the middle of the peers' clocks counts: one that is wrong accuses nobody else", () => {
  const offset = createClockOffset();
  assert.equal(offset.behindMs(), undefined);
  assert.equal(clockProblem(offset.behindMs()), undefined);
  offset.note("a", 40_000);
  assert.match(clockProblem(offset.behindMs())!.why, /40 s behind its peers/);
  offset.note("b", 20);
  offset.note("c", -30);
  assert.equal(offset.behindMs(), 20);
  assert.equal(clockProblem(offset.behindMs()), undefined);
  for (const peer of ["b", "c"]) offset.note(peer, -61_000);
  assert.match(clockProblem(offset.behindMs())!.why, /61 s ahead of its peers/);
  offset.keep(new Set(["a"]));
  assert.equal(offset.behindMs(), 40_000);
  assert.equal(clockProblem(30_000), undefined);
});

Deno.test("ping() tells how far another clock is ahead, and lives with a peer that does not say", async () => {
  const mesh = createMemoryMesh();
  const [a, b, c] = ["a", "b", "c"].map((id) => mesh.node(id));
  servePeers(b, () => ({ clock: Date.now() + 45_000 }));
  servePeers(c, () => true);
  // Of several the quickest, as of NTP's samples: a test beside others may lose its processor in the middle of one.
  const pongs = [];
  for (let i = 0; i < 8; i++) pongs.push(await ping(a, "b"));
  const { rttMs, aheadMs } = pongs.sort((x, y) => x.rttMs - y.rttMs)[0];
  assert.ok(Math.abs(aheadMs! - 45_000) <= rttMs + 5, `${aheadMs} ms at a round trip of ${rttMs} ms`);
  assert.deepEqual(Object.keys(await ping(a, "c")), ["rttMs"]);
  assert.equal(await askPeer(a, "c", { ask: "ping" }), true);
});
