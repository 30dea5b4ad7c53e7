import assert from "node:assert/strict";
import { createBed, get, raw, replica, route, until } from "../../tests/gateway_bed.ts";
import { RealmError } from "../protocol/errors.ts";
import type { LocalReplica } from "./mod.ts";

/**
 * `clients` ask again and again, and judge what they get, until `work` is done; it is given a way to wait for as many
 * more answers, so that its pace is that of the machine.
 */
async function load(
  clients: number,
  work: (answers: (more: number) => Promise<void>) => Promise<void>,
  ask: () => Promise<void>,
): Promise<number> {
  let stop = false, answered = 0;
  let broken: unknown;
  const loops = Array.from({ length: clients }, async () => {
    while (!stop && broken === undefined) {
      await ask().catch((error) => broken ??= error);
      answered++;
    }
  });
  try {
    await work(async (more) => {
      const wanted = answered + more;
      await until(`${more} more answers`, () => answered >= wanted || broken !== undefined, 30_000);
    });
  } finally {
    stop = true;
    await Promise.all(loops);
  }
  if (broken !== undefined) throw broken;
  return answered;
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 3));

/** A replica that streams its version in pieces and refuses once it is stopped, as a guest process does. */
function guest(version: string) {
  let stopped = false, active = 0;
  const local: LocalReplica = {
    fetch: async () => {
      await Promise.resolve();
      if (stopped) throw new RealmError("unavailable", "stopped", { detail: { sent: false } });
      active++;
      let pieces = 0;
      const body = new ReadableStream({
        async pull(c) {
          await turn();
          c.enqueue(new TextEncoder().encode(version.repeat(1000)));
          if (++pieces < 3) return;
          active--;
          c.close();
        },
      });
      const length = String(version.length * 3000);
      return new Response(body, { headers: { "x-version": version, "content-length": length } });
    },
  };
  return { local, stop: () => void (stopped = true), active: () => active };
}

Deno.test("swapping versions under load mixes none and fails nothing: static files", async () => {
  await using bed = createBed();
  const { gateway, port } = await bed.gateway("g");
  const files = (v: string) => ({
    "index.html": v.repeat(5000),
    "big.bin": new Uint8Array(1_200_000).fill(v.charCodeAt(0)),
  });
  const use = (v: string) =>
    gateway.setRoutes({
      routes: [route("app", [replica(`r${v}`, "g", { static: bed.site(files(v)) }, { revision: v })])],
    });
  use("a");
  const answered = await load(6, async (answers) => {
    for (const v of "bcdefghijk") {
      await answers(3);
      use(v);
    }
  }, async () => {
    for (const path of ["/", "/big.bin"]) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      assert.equal(response.status, 200);
      const bytes = new Uint8Array(await response.arrayBuffer());
      assert.ok(bytes.every((b) => b === bytes[0]), "a mix of versions");
      assert.equal(bytes.length, path === "/" ? 5000 : 1_200_000);
    }
  });
  assert.ok(answered > 20, `${answered} rounds`);
  const late = await get(port, "app.localhost", "/");
  assert.equal(late.body[0], "k");
});

for (const where of ["here", "on another node"] as const) {
  Deno.test(`replacing a single replica ${where} under load fails no request and mixes no versions`, async () => {
    await using bed = createBed();
    const front = await bed.gateway("g");
    const back = where === "here" ? front : await bed.gateway("n");
    const node = where === "here" ? "g" : "n";
    const tell = (id: string, local: LocalReplica | undefined) => {
      const own = local ? [replica(id, node, local, { revision: id })] : [];
      back.gateway.setRoutes({ routes: [route("app", own)] });
      if (where !== "here") {
        const far = local ? [replica(id, node, undefined, { revision: id })] : [];
        front.gateway.setRoutes({ routes: [route("app", far)] });
      }
    };
    let old = guest("0");
    tell("v0", old.local);
    const seen = new Set<string>();
    const answered = await load(6, async (answers) => {
      for (let v = 1; v <= 6; v++) {
        await answers(6);
        const next = guest(String(v));
        // The single writer: the old one ends before the new one may start; nothing is ready in between.
        old.stop();
        tell(`v${v}`, undefined);
        assert.ok(await back.gateway.idle(`v${v - 1}`, 30_000));
        assert.equal(old.active(), 0, "drained before it is replaced");
        await turn();
        tell(`v${v}`, next.local);
        old = next;
      }
      await answers(6);
    }, async () => {
      const response = await fetch(`http://127.0.0.1:${front.port}/`);
      assert.equal(response.status, 200);
      const text = await response.text();
      const version = response.headers.get("x-version")!;
      assert.equal(text, version.repeat(3000));
      seen.add(version);
    });
    assert.ok(answered > 20 && seen.size >= 4, `${answered} answers of ${seen.size} versions`);
    assert.ok(front.gateway.metrics().app.held > 0, "some had to wait");
    await until("nothing in work", () => front.gateway.metrics().app.inFlight === 0);
  });
}

Deno.test("killing a node under constant load of safe requests fails none, before any table knows of it", async () => {
  await using bed = createBed();
  const front = await bed.gateway("g");
  const targets = [];
  for (const id of ["n1", "n2"]) {
    const node = await bed.gateway(id);
    node.gateway.setRoutes({ routes: [route("app", [replica(id, id, guest(id).local)])] });
    targets.push(replica(id, id, undefined, { rttMs: 1 }));
  }
  front.gateway.setRoutes({ routes: [route("app", targets)] });
  const statuses: number[] = [];
  const methods = ["GET", "GET", "HEAD", "OPTIONS"];
  let n = 0;
  const answered = await load(8, async (answers) => {
    for (let round = 0; round < 6; round++) {
      const victim = `n${1 + round % 2}`;
      await answers(6);
      bed.mesh.cut(victim);
      await answers(6);
      bed.mesh.heal(victim);
    }
  }, async () => {
    const method = methods[n++ % methods.length];
    const response = await fetch(`http://127.0.0.1:${front.port}/`, { method });
    statuses.push(response.status);
    const text = await response.text();
    if (method === "GET") {
      assert.ok(text === "n1".repeat(3000) || text === "n2".repeat(3000), "whole and unmixed");
    }
  });
  assert.ok(answered > 30, `${answered} answers`);
  assert.deepEqual([...new Set(statuses)], [200]);
  const metrics = front.gateway.metrics().app;
  assert.ok(metrics.retries > 0, "some were tried again");
  assert.equal(metrics.errors.cut + metrics.errors.unavailable + metrics.errors.failed, 0);
});

Deno.test("a closing gateway lets requests in work finish, takes no new ones, and ends what exceeds the grace", async () => {
  await using bed = createBed();
  const one = await bed.gateway("g");
  const go = Promise.withResolvers<void>();
  const slow = { fetch: async () => (await go.promise, new Response("done")) };
  one.gateway.setRoutes({ routes: [route("app", [replica("r", "g", slow)])] });
  const waiting = fetch(`http://127.0.0.1:${one.port}/`);
  await until("in work", () => one.gateway.inFlight("r") === 1);
  const closing = one.gateway.close(5_000);
  await assert.rejects(async () => {
    for (;;) await (await Deno.connect({ hostname: "127.0.0.1", port: one.port })).close();
  });
  go.resolve();
  assert.equal(await (await waiting).text(), "done");
  await closing;
  const two = await bed.gateway("h");
  const endless = {
    fetch: () =>
      Promise.resolve(new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(9)) }))),
  };
  two.gateway.setRoutes({ routes: [route("app", [replica("r", "h", endless)])] });
  const cut = raw(two.port, "GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n", 10_000);
  await until("in work", () => two.gateway.inFlight("r") === 1);
  await two.gateway.close(50);
  assert.equal((await cut).complete, false);
});
