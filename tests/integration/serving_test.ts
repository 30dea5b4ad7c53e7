/** What `realm up` serves to other machines: apps and API by HTTPS, and the access log. */
import assert from "node:assert/strict";
import { createClient, parseKeyFile, signerFromSeed } from "../../mod.ts";
import { makeCertificate } from "../certificates.ts";
import { Cluster, eventually } from "../cluster.ts";

const SITE = new URL("../../examples/hello-site/dist/app.realm", import.meta.url).pathname;

Deno.test({
  name:
    "a node serves apps and API by HTTPS, takes renewed certificates without a restart, and logs requests",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const dir = await Deno.makeTempDir();
    const first = await makeCertificate(dir, "first"), second = await makeCertificate(dir, "second");
    assert.ok(first && second, "this test needs openssl");
    const live = { cert: `${dir}/live.crt`, key: `${dir}/live.key` }, log = `${dir}/access.log`;
    const install = async (from: typeof first) => {
      await Deno.copyFile(from!.cert, live.cert);
      await Deno.copyFile(from!.key, live.key);
    };
    await install(first);
    const flags = [
      ...["--tls-cert", live.cert, "--tls-key", live.key, "--access-log", log],
      ...["--gateway-tls", "127.0.0.1:0", "--api-tls", "127.0.0.1:0", "--trusted-proxy", "10.0.0.2"],
    ];
    await using cluster = await Cluster.start({ nodes: 1, flags: () => flags });
    const [n0] = cluster.nodes;
    const listening = (await cluster.client(n0).doctor()).find((f) => f.subject === "listening")!.detail;
    const portsOf = (what: RegExp) => [
      ...new Set([...what.exec(listening)![1].matchAll(/:(\d+)(?= |,|$)/g)].map((m) => Number(m[1]))),
    ];
    const api = portsOf(/API at ([^,]*)/), apps = portsOf(/apps at ([^;]*)/);
    assert.equal(api.length, 2, listening);
    assert.equal(apps.length, 2, listening);
    await cluster.realm("deploy", SITE);

    const file = parseKeyFile(await Deno.readTextFile(`${cluster.root}/n0/keys/owner.key`));
    assert.ok(file.ok && "seed" in file.value.secret);
    const { id: realm, secret: { seed } } = file.value as { id: string; secret: { seed: Uint8Array } };
    const credentials = { realm, signer: signerFromSeed(seed), grants: [] };
    /** Reads app and API by HTTPS, trusting one certificate alone. */
    const ask = async (pem: string) => {
      using client = Deno.createHttpClient({
        caCerts: [await Deno.readTextFile(pem)],
        poolMaxIdlePerHost: 0,
        allowHost: true,
        // By HTTP/2 the authority is the address that was connected to, and another host beside it is refused.
        http2: false,
      });
      const headers = { host: `hello-site.localhost:${apps[1]}` };
      const response = await fetch(`https://localhost:${apps[1]}/`, { client, headers });
      assert.equal(response.status, 200);
      await response.body?.cancel();
      const remote = createClient({
        url: `https://localhost:${api[1]}`,
        credentials: () => credentials,
        fetch: (url, init) => fetch(url, { ...init, client }),
      });
      return (await remote.realm()).realm;
    };
    await eventually("the app answers by HTTPS", async () => await ask(first.cert) === realm);
    await assert.rejects(ask(second.cert));
    await install(second);
    await eventually(
      "both take the renewed certificate",
      async () => await ask(second.cert) === realm,
    );
    await assert.rejects(ask(first.cert));

    const response = await cluster.fetch(n0, "hello-site", "/nowhere?secret=1");
    await response.body?.cancel();
    const line = await eventually(
      "the request is logged",
      async () => (await Deno.readTextFile(log)).split("\n").find((l) => l.includes("/nowhere")),
    );
    const entry = JSON.parse(line);
    assert.deepEqual([entry.app, entry.path, entry.status, entry.client], [
      "hello-site",
      "/nowhere",
      404,
      "127.0.0.1",
    ]);
    assert.ok(!line.includes("secret"), "queries carry secrets");

    for (
      const [args, what] of [
        [["--gateway-tls", "0.0.0.0:443"], /--gateway-tls needs a certificate and its key/],
        [["--tls-cert", "a", "--api-tls", "1"], /belong together/],
        [["--tls-cert", "a", "--tls-key", "b"], /is used by --gateway-tls HOST:PORT and --api-tls/],
        [["--trusted-proxy", "proxy.example.com"], /is an IP address/],
      ] as const
    ) {
      const ran = await cluster.run(["up", ...args]);
      assert.equal(ran.code, 2, ran.stderr);
      assert.match(ran.stderr, what);
    }
    await Deno.remove(dir, { recursive: true });
  },
});
