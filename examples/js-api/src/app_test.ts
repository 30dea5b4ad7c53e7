import assert from "node:assert/strict";
import { app } from "./app.ts";

const get = async (target: string) => await app.request(target);

/** Dark squares of an SVG made by the application, as rows of 0 and 1. */
function squares(svg: string): string[] {
  const size = Number(/viewBox="0 0 (\d+)/.exec(svg)![1]);
  const rows = Array.from({ length: size }, () => Array<string>(size).fill("0"));
  for (const [, x, y, width] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    rows[Number(y)].fill("1", Number(x), Number(x) + Number(width));
  }
  return rows.map((row) => row.join(""));
}

Deno.test("js-api: the image shows the squares that the API names", async () => {
  for (
    const query of [
      "text=hello",
      "text=%C3%A4%F0%9F%98%80&level=H&margin=0",
      `text=${"x".repeat(1273)}&level=H`,
    ]
  ) {
    const { rows, size } = await (await get(`/api/qr?${query}`)).json();
    const image = await get(`/qr.svg?${query}`);
    assert.equal(image.headers.get("content-type"), "image/svg+xml");
    assert.equal(rows.length, size);
    assert.deepEqual(squares(await image.text()), rows);
  }
});

Deno.test("js-api: a code has its three corner marks, inside the margin asked for", async () => {
  const { rows } = await (await get("/api/qr?text=corner&margin=3")).json();
  const corner = (top: number, left: number) =>
    rows.slice(top, top + 7).map((row: string) => row.slice(left, left + 7));
  const mark = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"];
  const far = rows.length - 3 - 7;
  assert.deepEqual(corner(3, 3), mark);
  assert.deepEqual(corner(3, far), mark);
  assert.deepEqual(corner(far, 3), mark);
  assert.ok(rows.slice(0, 3).every((row: string) => !row.includes("1")));
});

Deno.test("js-api: impossible wishes are refused with a sentence and 400", async () => {
  const cases = {
    "": /text is missing/,
    "text=": /text is missing/,
    [`text=${"x".repeat(1274)}`]: /1274 bytes/,
    "text=a&level=Z": /level is/,
    "text=a&margin=17": /margin is/,
    "text=a&margin=1.5": /margin is/,
    'text=a&dark="><script>': /dark is a colour/,
    "text=a&light=fff": /light is a colour/,
  };
  for (const [query, message] of Object.entries(cases)) {
    for (const route of ["/qr.svg", "/api/qr"]) {
      const response = await get(`${route}?${query}`);
      assert.equal(response.status, 400, `${route}?${query}`);
      assert.match((await response.json()).message, message);
    }
  }
  assert.equal((await get("/nothing")).status, 404);
});

Deno.test("js-api: ticks come one after the other and end", async () => {
  assert.equal(await (await get("/api/ticks?count=3&ms=0")).text(), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
  assert.equal((await get("/api/ticks?count=51")).status, 400);
});

Deno.test("js-api: an echo begins before the request has ended", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const response = await app.request("/api/echo", { method: "POST", body: readable });
  const reader = response.body!.getReader();
  for (const piece of ["one", "two"]) {
    const written = writer.write(new TextEncoder().encode(piece));
    assert.equal(new TextDecoder().decode((await reader.read()).value), piece);
    await written;
  }
  await writer.close();
  assert.equal((await reader.read()).done, true);
});
