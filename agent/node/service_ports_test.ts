import assert from "node:assert/strict";
import { ServicePorts } from "./service_ports.ts";

const http = (port: number) => [{ name: "http", port }];
/** A machine at whose ports in `listened` somebody listens; it offers free ones in turn, some of them twice. */
function machine(listened: readonly number[] = [], offers: readonly number[] = [9001, 9001, 9002, 9003]) {
  const left = [...offers];
  return new ServicePorts((port) => port === 0 ? left.shift() : listened.includes(port) ? undefined : port);
}

Deno.test("a wished port is given to one program at a time, before it listens there", () => {
  const ports = machine();
  const first = ports.reserve(http(8080)),
    second = ports.reserve(http(8080)),
    third = ports.reserve(http(8080));
  assert.deepEqual([first, second, third].map((l) => l.ports), [http(8080), http(9001), http(9002)]);
  second.release();
  first.release();
  first.release();
  assert.deepEqual(
    ports.reserve(http(8080)).ports,
    http(8080),
    "it is free again when its program has ended",
  );
  assert.deepEqual(ports.reserve(http(9001)).ports, http(9001));
});

Deno.test("two ports of one program differ, whatever they wish", () => {
  const lease = machine().reserve([
    { name: "a", port: 0 },
    { name: "b", port: 0 },
    { name: "c", port: 7000 },
    {
      name: "d",
      port: 7000,
    },
  ]);
  assert.deepEqual(lease.ports.map((p) => p.port), [9001, 9002, 7000, 9003]);
});

Deno.test("a port at which somebody listens is not given, nor one that outlived the agent before", () => {
  const ports = machine([8080]);
  assert.deepEqual(ports.reserve(http(8080)).ports, http(9001));
  const before = ports.hold(http(8181));
  assert.deepEqual(ports.reserve(http(8181)).ports, http(9002));
  before.release();
  assert.deepEqual(ports.reserve(http(8181)).ports, http(8181));
});

Deno.test("a machine without a free port says so", () => {
  assert.throws(() => machine([80], []).reserve(http(80)), { code: "unavailable" });
});

Deno.test("real ports: one that is listened at is passed over", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const [{ port }] = new ServicePorts().reserve(http(listener.addr.port)).ports;
    assert.notEqual(port, listener.addr.port);
    assert.ok(port > 0);
  } finally {
    listener.close();
  }
});
