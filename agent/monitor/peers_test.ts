import assert from "node:assert/strict";
import { createMemoryMesh } from "../../tests/peer_streams.ts";
import type { PeerStreams } from "../ports.ts";
import { type ErrorCode, RealmError } from "../protocol/mod.ts";
import { askPeer, type PeerAnswers, ping, servePeers } from "./peers.ts";

/** How asking fails: with a code and a sentence, never with what the runtime throws. */
async function failureOf(work: Promise<unknown>): Promise<{ code: ErrorCode; message: string }> {
  const error = await work.then(() => assert.fail("it was answered"), (e) => e);
  assert.ok(error instanceof RealmError, `not a RealmError: ${error}`);
  return { code: error.code, message: error.message };
}

function pair(answer?: PeerAnswers): PeerStreams {
  const mesh = createMemoryMesh(), a = mesh.node("a"), b = mesh.node("b");
  if (answer) servePeers(b, answer);
  return a;
}

Deno.test("a member that does not even open the stream in time has timed out", async () => {
  const streams: PeerStreams = {
    self: "a",
    open: (_peer, _protocol, { signal } = {}) =>
      new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason))),
    handle: () => {},
  };
  assert.deepEqual(await failureOf(ping(streams, "b")), {
    code: "timed_out",
    message: "no answer within 2 s",
  });
});

Deno.test("a member that takes the question and answers nothing has timed out", async () => {
  const streams = pair(() => new Promise(() => {}));
  assert.deepEqual(await failureOf(ping(streams, "b")), {
    code: "timed_out",
    message: "no answer within 2 s",
  });
});

const failing: readonly [what: string, error: unknown, code: ErrorCode, message: RegExp][] = [
  ["refuses", new RealmError("rate_limited", "ask later"), "rate_limited", /^ask later$/],
  ["cannot answer", new RealmError("internal", "the core failed"), "unavailable", /^the core failed$/],
  ["fails by a mistake", new TypeError("x of undefined"), "unavailable", /^this node failed to answer$/],
];
for (const [what, error, code, message] of failing) {
  Deno.test(`what a member that ${what} says is told, and is no failure of who asked`, async () => {
    const failed = await failureOf(askPeer(pair(() => Promise.reject(error)), "b", { ask: "doctor" }));
    assert.equal(failed.code, code);
    assert.match(failed.message, message);
  });
}

Deno.test("an answer that is none, and one that breaks off, are told as such", async () => {
  for (const [said, code] of [["}{\n", "unavailable"], ["", "unreachable"]] as const) {
    const mesh = createMemoryMesh(), a = mesh.node("a");
    mesh.node("b").handle("/realm/monitor/1.0.0", async (stream) => {
      const writer = stream.writable.getWriter();
      await writer.write(new TextEncoder().encode(said));
      await writer.close();
    });
    assert.equal((await failureOf(askPeer(a, "b", { ask: "doctor" }))).code, code);
  }
});
