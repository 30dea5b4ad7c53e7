import assert from "node:assert/strict";
import { dump, firstBytes, neededBytes, previewOf, TEXT_BYTES } from "./app/files/preview.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const show = (path: string, bytes: Uint8Array) => previewOf(path, bytes.length, bytes);

Deno.test("what looks like a page is shown as its text, what is no text as bytes", () => {
  assert.deepEqual(show("index.html", bytesOf("<script>x</script>")), {
    as: "text",
    text: "<script>x</script>",
    cut: false,
  });
  const module = show("a.wasm", Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  assert.equal(module.as === "bytes" && module.about, "WebAssembly module");
  const component = show("a.wasm", Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0));
  assert.equal(component.as === "bytes" && component.about, "WebAssembly component");
  assert.equal(show("latin.txt", Uint8Array.of(0xe9, 0x20)).as, "bytes");
});

Deno.test("only a picture becomes one, and only as data that no link can open as a page", () => {
  const svg = show("evil.SVG", bytesOf("<svg onload='x'/>"));
  assert.ok(svg.as === "image" && svg.url.startsWith("data:image/svg+xml;base64,"));
  assert.equal(show("evil.svg.html", bytesOf("<svg/>")).as, "text");
});

Deno.test("a long text is cut, also in the middle of a character", () => {
  const text = "ü".repeat(TEXT_BYTES);
  const all = bytesOf("a" + text);
  const p = previewOf("a.txt", all.length, all.subarray(0, neededBytes("a.txt", all.length)));
  assert.ok(p.as === "text" && p.cut && !p.text.includes("\ufffd"));
});

Deno.test("firstBytes() stops asking once it has enough", async () => {
  let asked = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull: (c) => (asked++, c.enqueue(new Uint8Array(10).fill(asked))),
  }, { highWaterMark: 0 });
  assert.equal((await firstBytes(stream, 25)).length, 25);
  assert.equal(asked, 3);
  assert.equal(dump(Uint8Array.of(0x41, 0)), `00000000  ${"41 00".padEnd(47)}  A·\n`);
});
