import assert from "node:assert/strict";
import type { Clock } from "../ports.ts";
import { meshLimits } from "../protocol/limits.ts";
import { createConduct } from "./conduct.ts";
import { serviceOf } from "./libp2p_node.ts";
import { dialAddresses } from "./links.ts";
import { reconnectPause } from "./neighbours.ts";
import { createOutbox } from "./outbox.ts";
import { createRateLimit, originOf } from "./rate.ts";

function handClock(): Clock & { at: number } {
  const clock = { at: 0, now: () => clock.at, monotonic: () => clock.at };
  return clock;
}
const bytes = (n: number) => new Uint8Array(n);

Deno.test("an outbox over its bound drops the oldest probes first, then sync, then offers", () => {
  const box = createOutbox({ bytes: 100, messages: 10 });
  assert.equal(box.add("offer", bytes(40)), 0);
  assert.equal(box.add("probe", bytes(10)), 0);
  assert.equal(box.add("sync", bytes(50)), 0);
  assert.equal(box.add("probe", bytes(9)), 1);
  assert.equal(box.take("probe")?.length, 9);
  assert.equal(box.add("offer", bytes(60)), 1);
  assert.equal(box.has("sync"), false);
  assert.equal(box.add("offer", bytes(1)), 1);
  assert.equal(box.take("offer")?.length, 60);
});

Deno.test("an outbox is bounded in number as well", () => {
  const box = createOutbox({ bytes: 1000, messages: 3 });
  let dropped = 0;
  for (let i = 0; i < 10; i++) dropped += box.add("probe", bytes(1));
  assert.equal(dropped, 7);
  assert.equal(box.clear("probe"), 3);
  assert.equal(box.empty, true);
});

Deno.test("a rate limit refills with time, per key, and forgets the key unseen longest", () => {
  const clock = handClock();
  const rate = createRateLimit(clock, { perSecond: 1, burst: 2, keys: 2 });
  assert.deepEqual([rate.take("a"), rate.take("a"), rate.take("a"), rate.take("b")], [
    true,
    true,
    false,
    true,
  ]);
  clock.at = 1000;
  assert.deepEqual([rate.take("a"), rate.take("a")], [true, false]);
  rate.take("c");
  assert.equal(rate.take("a"), false, "b was forgotten, not a");
});

Deno.test("one access provider's customer is one origin: an IPv4 address or an IPv6 /64", () => {
  assert.equal(originOf("/ip4/192.0.2.1/tcp/1"), originOf("/ip4/192.0.2.1/tcp/2"));
  assert.notEqual(originOf("/ip4/192.0.2.1/tcp/1"), originOf("/ip4/192.0.2.2/tcp/1"));
  assert.equal(originOf("/ip6/2001:db8:1:2:3:4:5:6/tcp/1"), originOf("/ip6/2001:db8:1:2::9/tcp/1"));
  assert.notEqual(originOf("/ip6/2001:db8:1:2::1/tcp/1"), originOf("/ip6/2001:db8:1:3::1/tcp/1"));
  assert.equal(originOf("/ip6/::ffff:192.0.2.1/tcp/1"), "192.0.2.1");
});

Deno.test("misconduct adds up, fades with time, and a cut ends", () => {
  const clock = handClock();
  const conduct = createConduct(clock);
  assert.equal(conduct.note("x", "oversize_message"), false);
  clock.at = 60_000;
  assert.equal(conduct.note("x", "oversize_message"), false);
  assert.equal(conduct.note("x", "oversize_message"), false, "the first was forgiven");
  assert.equal(conduct.isCutOff("x"), false);
  assert.equal(conduct.note("x", "garbage_frame"), true);
  assert.equal(conduct.isCutOff("x"), true);
  assert.equal(conduct.isCutOff("y"), false);
  clock.at += meshLimits.cutOffMs;
  assert.equal(conduct.isCutOff("x"), false);
});

Deno.test("the pause before reconnecting doubles up to its bound, with jitter", () => {
  assert.equal(reconnectPause(0, () => 1), meshLimits.reconnectMinMs);
  assert.equal(reconnectPause(0, () => 0), meshLimits.reconnectMinMs / 2);
  assert.equal(reconnectPause(2, () => 1), meshLimits.reconnectMinMs * 4);
  assert.equal(reconnectPause(50, () => 1), meshLimits.reconnectMaxMs);
});

Deno.test("dialAddresses() leaves out what is malformed, double or names somebody else", () => {
  const id = "12D3KooWE6XpKnE8ndidLTE1q9Bv5xHbCucQSRmrSLbqMDBBmj3D";
  const other = "12D3KooWHwX6s7LYaEhCaeBAGB3ND8JZVHogpa2xUQpHsCzWSXM7";
  const relayed = `/ip4/192.0.2.1/tcp/1/p2p/${other}/p2p-circuit`;
  const given = [
    "nonsense",
    "/ip4/192.0.2.1/tcp/1",
    "/ip4/192.0.2.1/tcp/1",
    `/ip6/::1/tcp/2/p2p/${other}`,
    relayed,
  ];
  assert.deepEqual(dialAddresses(id, given).map(String), [
    `/ip4/192.0.2.1/tcp/1/p2p/${id}`,
    `${relayed}/p2p/${id}`,
  ]);
  const many = Array.from({ length: 100 }, (_, i) => `/ip4/192.0.2.1/tcp/${i + 1}`);
  assert.equal(dialAddresses(id, many).length, meshLimits.addressesPerPeer);
});

Deno.test("the mDNS service name tells realms apart and does not contain the realm's id", () => {
  const name = serviceOf("z6MkRealm");
  assert.match(name, /^_realm-[0-9a-f]{16}\._udp\.local$/);
  assert.notEqual(name, serviceOf("z6MkOther"));
});
