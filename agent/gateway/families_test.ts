import assert from "node:assert/strict";
import { createBed, replica, route } from "../../tests/gateway_bed.ts";
import { onBothFamilies, plainAddress } from "./families.ts";

/** A machine on which `taken` holds ports and `absent` families are off. */
function machine(taken: readonly string[], absent: readonly string[] = [], dual = true) {
  const open = new Set<string>();
  let next = 5_000;
  return {
    open,
    listen(hostname: string, port: number) {
      if (absent.includes(hostname)) throw new Deno.errors.AddrNotAvailable("no such family");
      const at = port === 0 ? next++ : port, name = `${hostname} ${at}`;
      const byWildcard = dual && hostname === "0.0.0.0" && open.has(`:: ${at}`);
      if (byWildcard || open.has(name) || taken.includes(name)) throw new Deno.errors.AddrInUse("taken");
      open.add(name);
      return { hostname, port: at };
    },
    close: ({ hostname, port }: { hostname: string; port: number }) =>
      void open.delete(`${hostname} ${port}`),
  };
}
const hosts = (m: ReturnType<typeof machine>, hostname: string, port: number) =>
  onBothFamilies(hostname, port, m.listen, m.close).map((o) => `${o.hostname} ${o.port}`);

Deno.test("onBothFamilies() opens both families at one port, and the one that there is where the other is off", () => {
  assert.deepEqual(hosts(machine([]), "127.0.0.1", 80), ["127.0.0.1 80", "::1 80"]);
  assert.deepEqual(hosts(machine([]), "localhost", 0), ["127.0.0.1 5000", "::1 5000"]);
  assert.deepEqual(hosts(machine([], ["::1"]), "127.0.0.1", 80), ["127.0.0.1 80"]);
  assert.deepEqual(hosts(machine([], ["127.0.0.1"]), "127.0.0.1", 80), ["::1 80"]);
  assert.deepEqual(hosts(machine([]), "0.0.0.0", 80), [":: 80"]);
  assert.deepEqual(hosts(machine([], [], false), "0.0.0.0", 80), [":: 80", "0.0.0.0 80"]);
  assert.deepEqual(hosts(machine([], ["::"]), "0.0.0.0", 80), ["0.0.0.0 80"]);
  assert.deepEqual(hosts(machine([]), "10.0.0.7", 80), ["10.0.0.7 80"]);
  assert.deepEqual(hosts(machine([]), "::1", 80), ["::1 80"]);
});

Deno.test("onBothFamilies() refuses a port that is taken in one family, looks for a free one, and leaves nothing open", () => {
  const taken = machine(["::1 80"]);
  assert.throws(() => hosts(taken, "127.0.0.1", 80), Deno.errors.AddrInUse);
  assert.deepEqual([...taken.open], []);
  assert.deepEqual(hosts(machine(["::1 5000", "::1 5001"]), "127.0.0.1", 0), ["127.0.0.1 5002", "::1 5002"]);
  const full = machine(Array.from({ length: 100 }, (_, i) => `::1 ${5_000 + i}`));
  assert.throws(() => hosts(full, "127.0.0.1", 0), Deno.errors.AddrInUse);
  assert.deepEqual([...full.open], []);
  const none = machine([], ["127.0.0.1", "::1"]);
  assert.throws(() => hosts(none, "127.0.0.1", 80), Deno.errors.AddrNotAvailable);
});

Deno.test("plainAddress() takes the IPv4 address out of a mapped one", () => {
  assert.equal(plainAddress("::ffff:10.1.2.3"), "10.1.2.3");
  for (const same of ["10.1.2.3", "::1", "2001:db8::ffff:1"]) assert.equal(plainAddress(same), same);
});

/** Whether this machine has IPv6. */
function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

for (const hostname of ["127.0.0.1", "0.0.0.0"]) {
  Deno.test(`a gateway at ${hostname} answers on the families that the machine has, and names clients plainly`, async () => {
    await using bed = createBed();
    const { gateway, port } = await bed.gateway("g", { listen: [{ hostname, port: 0 }] });
    const fetching = (r: Request) => Promise.resolve(new Response(r.headers.get("x-forwarded-for")));
    gateway.setRoutes({
      routes: [route("app", [replica("r", "g", { fetch: fetching })])],
    });
    using client = Deno.createHttpClient({ allowHost: true, poolMaxIdlePerHost: 0 });
    const headers = { host: `app.localhost:${port}` };
    const ask = async (host: string) =>
      await (await fetch(`http://${host}:${port}/`, { client, headers })).text();
    assert.equal(await ask("127.0.0.1"), "127.0.0.1");
    if (hasIpv6()) assert.equal(await ask("[::1]"), "::1");
    else console.log("this machine has no IPv6: IPv4 alone was tried");
    for (const address of gateway.addresses) assert.equal(address.port, port);
  });
}
