import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";

/** From the first join to the moment when all see all. What our own code takes longer for, it takes each time. */
const FORMED_MS = 3_000;

Deno.test({
  name: "three processes form a realm by invite within 3 s; whoever has no valid invite gets nothing",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    /** On a machine that others use too, the time for which they had the processor is not ours. */
    const ownMs = ({ formedMs, waitedMs }: Cluster) => Math.round(formedMs - waitedMs);
    let founded = await Cluster.start({ nodes: 3 });
    for (let left = 2; left > 0 && ownMs(founded) >= FORMED_MS; left--) {
      await founded[Symbol.asyncDispose]();
      founded = await Cluster.start({ nodes: 3 });
    }
    await using cluster = founded;
    await t.step("formed", () => {
      const own = ownMs(cluster);
      console.log(
        `formed in ${Math.round(cluster.formedMs)} ms, ${own} ms without waiting for a processor`,
      );
      assert.ok(own < FORMED_MS, `${own} of ${cluster.formedMs} ms in the last of three tries`);
    });
    const joinFails = async (token: string, what: RegExp) => {
      const dir = await Deno.makeTempDir({ dir: cluster.root });
      const ran = await cluster.run([
        "join",
        token,
        "--data-dir",
        dir,
        "--name",
        "x",
        "--listen",
        "127.0.0.1:0",
        "--api",
        "127.0.0.1:0",
        "--gateway",
        "127.0.0.1:0",
        "--no-mdns",
      ]);
      assert.notEqual(ran.code, 0);
      const said = ran.stderr + ran.stdout;
      assert.match(said, what);
      for (const secret of ["n1", "n2", ...cluster.nodes.map((n) => n.dataDir)]) {
        assert.ok(!said.includes(` ${secret} `), `it told of ${secret}: ${said}`);
      }
    };
    await t.step("a used-up invite", async () => {
      const token = await cluster.invite(1);
      await cluster.join(token, "n3", 3);
      await joinFails(token, /used/);
    });
    await t.step("an expired invite", async () => {
      const token = await cluster.invite(1, "--expires", "1s");
      const born = Date.now();
      await eventually("it expired", () => Date.now() - born > 1_100);
      await joinFails(token, /expired/);
    });
    await t.step("a forged invite", async () => {
      const token = await cluster.invite(1);
      const json = JSON.parse(
        new TextDecoder().decode(Uint8Array.fromBase64(token.split(".")[1], { alphabet: "base64url" })),
      );
      const payload = JSON.parse(
        new TextDecoder().decode(Uint8Array.fromBase64(json.envelope.payload, { alphabet: "base64url" })),
      );
      payload.uses = 100;
      json.envelope.payload = new TextEncoder().encode(JSON.stringify(payload)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      });
      const forged = `realm-invite-1.${
        new TextEncoder().encode(JSON.stringify(json)).toBase64({ alphabet: "base64url", omitPadding: true })
      }`;
      await joinFails(forged, /signature|invite/);
    });
    await t.step("an invite of another realm", async () => {
      await using other = await Cluster.start({ nodes: 1 });
      const token = await other.invite(1);
      const json = JSON.parse(
        new TextDecoder().decode(Uint8Array.fromBase64(token.split(".")[1], { alphabet: "base64url" })),
      );
      const payload = JSON.parse(
        new TextDecoder().decode(Uint8Array.fromBase64(json.envelope.payload, { alphabet: "base64url" })),
      );
      // The same invite, led to this realm's nodes.
      payload.bootstrap = (await cluster.client(cluster.nodes[0]).node("n0")).info!.addresses;
      json.envelope.payload = new TextEncoder().encode(JSON.stringify(payload)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      });
      await joinFails(
        `realm-invite-1.${
          new TextEncoder().encode(JSON.stringify(json)).toBase64({
            alphabet: "base64url",
            omitPadding: true,
          })
        }`,
        /realm|signature/,
      );
    });
    const nodes = await cluster.client(cluster.nodes[0]).nodes();
    assert.deepEqual(nodes.map((n) => n.name), ["n0", "n1", "n2", "n3"]);
  },
});
