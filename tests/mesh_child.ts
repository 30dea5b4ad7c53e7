/**
 * One mesh node as a process of its own: `mesh_child.ts '{"key":1,"members":["…"],"addresses":{"…":["…"]}}'`. Prints a
 * JSON line with its addresses and one for each event; ends when its stdin does, by itself, without `Deno.exit`.
 */
import { createMesh } from "../agent/mesh/mod.ts";
import { noLog, realClock, testKey, testRealm } from "./mesh_nodes.ts";

const started = performance.now();
const given = JSON.parse(Deno.args[0]) as {
  key: number;
  members: string[];
  addresses: Record<string, string[]>;
  neighbours?: string[];
};
const say = (line: unknown) => console.log(JSON.stringify(line));
const mesh = await createMesh({
  privateKey: testKey(given.key).seed,
  realm: testRealm,
  listen: ["/ip4/127.0.0.1/tcp/0"],
  isMember: (id) => given.members.includes(id),
  addressesOf: (id) => given.addresses[id] ?? [],
  onMessage: (from, bytes, channel) => {
    // An echo, so that the parent sees both directions work.
    mesh.send(from, bytes, channel);
  },
  onGossip: (_from, bytes) => say({ gossip: new TextDecoder().decode(bytes) }),
  onPeer: (id, state) => say({ peer: id, state }),
  clock: realClock,
  log: noLog,
});
mesh.streams.handle("/realm/echo/1.0.0", (s) => s.readable.pipeTo(s.writable));
mesh.setNeighbours(given.neighbours ?? []);
say({ addresses: mesh.addresses(), startMs: performance.now() - started });
for await (const _ of Deno.stdin.readable);
await mesh.stop();
