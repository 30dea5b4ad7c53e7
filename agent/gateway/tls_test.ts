import assert from "node:assert/strict";
import { makeCertificate } from "../../tests/certificates.ts";
import { createBed, replica, route, until } from "../../tests/gateway_bed.ts";

Deno.test("HTTPS is served with the operator's files, says so to the app, and a renewed certificate is used without restart", async () => {
  const dir = await Deno.makeTempDir();
  const first = await makeCertificate(dir, "first"), second = await makeCertificate(dir, "second");
  assert.ok(first && second, "this test needs openssl");
  const live = { cert: `${dir}/live.crt`, key: `${dir}/live.key` };
  const install = async (from: { cert: string; key: string }) => {
    await Deno.copyFile(from.cert, live.cert);
    await Deno.copyFile(from.key, live.key);
  };
  await install(first);
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, warn: (m: string) => void warnings.push(m), error() {} };
  {
    await using bed = createBed();
    const { gateway, port } = await bed.gateway("g", {
      listen: [{ hostname: "127.0.0.1", port: 0, tls: { ...live, pollMs: 20 } }],
      log,
    });
    const fetching = (r: Request) => Promise.resolve(new Response(r.headers.get("x-forwarded-proto")));
    gateway.setRoutes({
      routes: [route("app", [replica("r", "g", { fetch: fetching })], { hosts: ["localhost"] })],
    });
    const trusting = async (pem: string) =>
      Deno.createHttpClient({ caCerts: [await Deno.readTextFile(pem)], poolMaxIdlePerHost: 0 });
    const ask = async (pem: string) => {
      using client = await trusting(pem);
      const response = await fetch(`https://localhost:${port}/`, { client });
      return await response.text();
    };
    assert.equal(await ask(first.cert), "https");
    await assert.rejects(ask(second.cert));
    await Deno.writeTextFile(live.cert, "no certificate");
    await until("the broken pair is refused", () => warnings.length > 0);
    assert.equal(await ask(first.cert), "https");
    await install(second);
    let swapped = false;
    const end = performance.now() + 5_000;
    while (!swapped && performance.now() < end) {
      swapped = await ask(second.cert).then(() => true, () => false);
    }
    assert.ok(swapped, "the new certificate is in use");
    await assert.rejects(ask(first.cert));
  }
  await Deno.remove(dir, { recursive: true });
});

Deno.test("a missing certificate file is named when the gateway starts", async () => {
  await using bed = createBed();
  const tls = { cert: "/nowhere/x.crt", key: "/nowhere/x.key" };
  await assert.rejects(bed.gateway("g", { listen: [{ hostname: "127.0.0.1", port: 0, tls }] }), {
    code: "not_found",
    message: /\/nowhere\/x\.crt/,
  });
});
