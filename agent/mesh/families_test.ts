import assert from "node:assert/strict";
import { createTestRealm, until } from "../../tests/mesh_nodes.ts";
import { type Families, machineFamilies, pairFamilies } from "./families.ts";

const pair = (port: number) => [`/ip4/0.0.0.0/tcp/${port}`, `/ip6/::/tcp/${port}`];
const machine = (kind: "dual" | "separate" | "ipv4"): Families => ({
  probe: (port) => ({ kind, port: port === 0 ? 4_711 : port }),
  addresses: () => ["127.0.0.1", "10.0.0.7"],
});

Deno.test("pairFamilies() asks for what the machine can give: one socket for both, two, or IPv4 alone", () => {
  assert.deepEqual(pairFamilies(pair(7479), machine("dual")), {
    listen: ["/ip6/::/tcp/7479"],
    announceToo: ["/ip4/127.0.0.1/tcp/7479", "/ip4/10.0.0.7/tcp/7479"],
  });
  assert.deepEqual(pairFamilies(pair(0), machine("separate")), {
    listen: ["/ip6/::/tcp/4711", "/ip4/0.0.0.0/tcp/4711"],
    announceToo: [],
  });
  assert.deepEqual(pairFamilies(pair(7479), machine("ipv4")).listen, ["/ip4/0.0.0.0/tcp/7479"]);
  const exact = ["/ip4/0.0.0.0/tcp/1", "/ip4/10.0.0.7/tcp/2", "/ip6/::/tcp/3", "/p2p-circuit"];
  assert.deepEqual(pairFamilies(exact, machine("dual")), { listen: exact, announceToo: [] });
});

Deno.test("a node that listens on both families is reached at one port by each that the machine has", async () => {
  const { kind } = machineFamilies.probe(0);
  const realm = createTestRealm();
  await using a = await realm.start({ listen: pair(0) });
  const addresses = a.mesh.addresses();
  const ports = new Set(addresses.map((address) => /\/tcp\/(\d+)/.exec(address)![1]));
  assert.equal(ports.size, 1, addresses.join(" "));
  assert.ok(addresses.some((address) => address.startsWith("/ip4/")), addresses.join(" "));
  const [port] = ports;
  for (const host of kind === "ipv4" ? ["/ip4/127.0.0.1"] : ["/ip4/127.0.0.1", "/ip6/::1"]) {
    await using b = await realm.start({ listen: [] });
    realm.addresses.set(a.id, [`${host}/tcp/${port}`]);
    b.mesh.setNeighbours([a.id]);
    await until(() => b.events.includes(`connected ${a.id}`));
  }
});
