/** What every `PeerStreams` promises; the mesh and the in-memory fake both pass it. */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import type { PeerStream, PeerStreams } from "../../agent/ports.ts";

/** Two connected members, and a node id that belongs to no member. */
export interface PeerStreamsFixture extends AsyncDisposable {
  readonly a: PeerStreams;
  readonly b: PeerStreams;
  readonly nobody: string;
}

const P = "/realm/contract/1.0.0";

/** All bytes until the end. */
async function all(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of readable) parts.push(part);
  return Buffer.concat(parts);
}
async function send(stream: PeerStream, bytes: Uint8Array): Promise<void> {
  const writer = stream.writable.getWriter();
  await writer.write(bytes);
  await writer.close();
}
function pattern(n: number, seed = 1): Uint8Array {
  const out = new Uint8Array(n);
  for (let i = 0, x = seed; i < n; i++) out[i] = x = (x * 167 + 13) & 255;
  return out;
}
const within = async <T>(promise: Promise<T>, ms = 5_000): Promise<T> => {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms`)), ms);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** Registers the suite for one implementation. */
export function peerStreamsContract(name: string, make: () => Promise<PeerStreamsFixture>): void {
  const test = (what: string, run: (f: PeerStreamsFixture) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using fixture = await make();
      await run(fixture);
    });

  test("bytes arrive whole and in order, both ways at once", async ({ a, b }) => {
    b.handle(P, (s) => {
      assert.equal(s.peer, a.self);
      return s.readable.pipeTo(s.writable);
    });
    const stream = await a.open(b.self, P);
    assert.equal(stream.peer, b.self);
    const sent = pattern(3_000_000);
    const [, got] = await within(Promise.all([send(stream, sent), all(stream.readable)]), 20_000);
    assert.ok(Buffer.from(got).equals(sent));
  });

  test("a side that closed its end still reads the answer", async ({ a, b }) => {
    b.handle(P, async (s) => send(s, pattern((await all(s.readable)).length * 2)));
    const stream = await a.open(b.self, P);
    await send(stream, pattern(1000));
    assert.deepEqual(await within(all(stream.readable)), Buffer.from(pattern(2000)));
  });

  test("a stream on which nothing is said ends", async ({ a, b }) => {
    b.handle(P, async (s) => {
      assert.equal((await all(s.readable)).length, 0);
      await s.writable.close();
    });
    const stream = await a.open(b.self, P);
    await stream.writable.close();
    assert.equal((await within(all(stream.readable))).length, 0);
  });

  test("a reset reaches the other side's reader and writer as an error", async ({ a, b }) => {
    const theirs = Promise.withResolvers<PeerStream>();
    b.handle(P, (s) => theirs.resolve(s));
    const stream = await a.open(b.self, P);
    const writer = stream.writable.getWriter();
    await writer.write(pattern(10));
    const other = await within(theirs.promise);
    const reader = other.readable.getReader();
    assert.equal((await within(reader.read())).value?.length, 10);
    const reading = reader.read();
    stream.reset();
    await assert.rejects(within(reading), { code: "unreachable" });
    const otherWriter = other.writable.getWriter();
    await assert.rejects(within(otherWriter.closed), { code: "unreachable" });
  });

  test("a handler that throws resets the stream", async ({ a, b }) => {
    b.handle(P, () => {
      throw new Error("no");
    });
    const stream = await a.open(b.self, P);
    await assert.rejects(within(all(stream.readable)), { code: "unreachable" });
  });

  test("a protocol nobody answers is unreachable", async ({ a, b }) => {
    await assert.rejects(within(a.open(b.self, "/realm/nothing/1.0.0")), { code: "unreachable" });
  });

  test("a node that is no member is unreachable", async ({ a, nobody }) => {
    await assert.rejects(within(a.open(nobody, P)), { code: "unreachable" });
  });

  test("an aborted opening rejects with the signal's reason", async ({ a, b }) => {
    const reason = new Error("changed my mind");
    await assert.rejects(a.open(b.self, P, { signal: AbortSignal.abort(reason) }), reason);
  });

  test("a reader that does not read holds the writer back", async ({ a, b }) => {
    const theirs = Promise.withResolvers<PeerStream>();
    b.handle(P, (s) => theirs.resolve(s));
    const stream = await a.open(b.self, P);
    const writer = stream.writable.getWriter();
    let written = 0, stuckAt = -1;
    const writing = (async () => {
      for (let i = 0; i < 256; i++) {
        await writer.write(pattern(65_536, i));
        written++;
      }
      await writer.close();
    })();
    while (stuckAt !== written) {
      stuckAt = written;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    assert.ok(written * 65_536 <= 8 * 1024 * 1024, `${written} pieces of 64 KiB were taken without a reader`);
    // Read with pauses: what is on the way must stay bounded although the reader does read.
    const parts: Uint8Array[] = [];
    let got = 0;
    for await (const part of (await within(theirs.promise)).readable) {
      parts.push(part);
      got += part.length;
      if (parts.length < 10) await new Promise((resolve) => setTimeout(resolve, 50));
      assert.ok(written * 65_536 - got <= 8 * 1024 * 1024, `${written * 65_536 - got} bytes on the way`);
    }
    await writing;
    assert.equal(got, 256 * 65_536);
    assert.ok(Buffer.concat(parts).subarray(255 * 65_536).equals(pattern(65_536, 255)));
  });

  test("a reader that gives up stops the writer", async ({ a, b }) => {
    const failed = Promise.withResolvers<void>();
    b.handle(P, async (s) => {
      const writer = s.writable.getWriter();
      try {
        for (;;) await writer.write(pattern(65_536));
      } catch {
        failed.resolve();
      }
    });
    const stream = await a.open(b.self, P);
    await stream.writable.close();
    const reader = stream.readable.getReader();
    await reader.read();
    await reader.cancel();
    await within(failed.promise);
  });

  test("many streams at once do not mix", async ({ a, b }) => {
    b.handle(P, (s) => s.readable.pipeTo(s.writable));
    await Promise.all(Array.from({ length: 60 }, async (_, i) => {
      const stream = await a.open(b.self, P);
      const sent = pattern(20_000 + i, i);
      const [, got] = await within(Promise.all([send(stream, sent), all(stream.readable)]), 20_000);
      assert.ok(Buffer.from(got).equals(sent));
    }));
  });
}
