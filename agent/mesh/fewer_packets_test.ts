import assert from "node:assert/strict";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import type { ConnectionEncrypter, MessageStream, StreamMuxerFactory } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { until } from "../../tests/mesh_nodes.ts";
import { sparseWindowUpdates, wholeMessages } from "./fewer_packets.ts";
import { quietLocks } from "./quiet_locks.ts";

const PROTOCOL = "/test/1.0.0";

/** Counts what the muxer hands to its connection, and the writes of the encryption to the socket. */
interface Counts {
  frames: number;
  writes: number;
}

async function node(counts: Counts, thrifty: boolean) {
  const counted = (make: () => StreamMuxerFactory) => (): StreamMuxerFactory => {
    const inner = make();
    return {
      protocol: inner.protocol,
      createStreamMuxer(connection) {
        const send = connection.send.bind(connection);
        connection.send = (data) => (counts.frames++, send(data));
        return inner.createStreamMuxer(connection);
      },
    };
  };
  const counting = (inner: ConnectionEncrypter): ConnectionEncrypter => {
    const count = <T extends MessageStream>(connection: T): T => {
      const send = connection.send.bind(connection);
      connection.send = (data) => {
        counts.writes += data instanceof Uint8Array ? 1 : [...data].length;
        return send(data);
      };
      return connection;
    };
    return {
      protocol: inner.protocol,
      secureInbound: (connection, options) => inner.secureInbound(count(connection), options),
      secureOutbound: (connection, options) => inner.secureOutbound(count(connection), options),
    };
  };
  quietLocks();
  const muxer = yamux({ enableKeepAlive: false });
  return await createLibp2p({
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    transports: [tcp()],
    connectionEncrypters: [
      (components) => counting(thrifty ? wholeMessages(noise()(components)) : noise()(components)),
    ],
    // Beneath the muxer's own thrift stands the count.
    streamMuxers: [thrifty ? sparseWindowUpdates(counted(muxer)) : counted(muxer)],
    connectionMonitor: { enabled: false },
  });
}

/** Sends `pieces` of `bytes` each from one node to another; what the receiver sent meanwhile. */
async function receive(
  thrifty: boolean,
  pieces: number,
  bytes: number,
): Promise<Counts & { received: number }> {
  const counts = { frames: 0, writes: 0 };
  const sender = await node({ frames: 0, writes: 0 }, thrifty);
  const receiver = await node(counts, thrifty);
  try {
    let received = 0;
    await receiver.handle(PROTOCOL, (stream) => {
      stream.addEventListener("message", (event) => received += event.data.byteLength);
    });
    const connection = await sender.dial(receiver.getMultiaddrs());
    const stream = await connection.newStream(PROTOCOL);
    stream.send(new Uint8Array(1));
    await until(() => received === 1, "the first byte is there");
    counts.frames = counts.writes = 0;
    for (let i = 0; i < pieces; i++) {
      if (!stream.send(new Uint8Array(bytes))) await stream.onDrain();
    }
    await until(() => received === 1 + pieces * bytes, "all is there");
    return { ...counts, received };
  } finally {
    await Promise.all([sender.stop(), receiver.stop()]);
  }
}

Deno.test("small messages are not answered by window updates, long streams by few, and nothing stalls", async () => {
  const small = await receive(true, 200, 100);
  assert.ok(small.frames <= 2, `${small.frames} frames for 200 small messages`);
  const long = await receive(true, 100, 100_000);
  assert.ok(long.frames > 0 && long.frames <= 10_000_000 / 65_536 + 2, `${long.frames} for 10 MB`);
  const usual = await receive(false, 100, 100_000);
  console.log(`10 MB: ${long.frames} window updates, without ${usual.frames}`);
  assert.ok(long.frames < usual.frames);
});

Deno.test("a message goes to the socket in one write", async () => {
  const { frames, writes } = await receive(true, 40, 100_000);
  assert.ok(writes > 0 && writes <= frames, `${writes} writes for ${frames} frames`);
});
