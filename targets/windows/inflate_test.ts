/** The stub's own decompression, compiled for WebAssembly so that it can be called here. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { constants, deflateRawSync } from "node:zlib";
import { missingCompiler } from "./stub.ts";

const missing = await missingCompiler();
if (missing) console.log(`left out: tests of the stub's decompression, since ${missing}`);

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly __heap_base: WebAssembly.Global;
  inflate(input: number, inputSize: number, output: number, outputSize: number): number;
}

async function compiled(): Promise<Exports> {
  const dir = await Deno.makeTempDir();
  try {
    const sources = fileURLToPath(new URL(".", import.meta.url));
    await Deno.writeTextFile(`${dir}/memory.c`, MEMORY);
    const { success, stderr } = await new Deno.Command("clang", {
      args: [
        ...[
          "--target=wasm32",
          "-O2",
          "-ffreestanding",
          "-nostdlib",
          "-Wl,--no-entry",
          "-Wl,--export=inflate",
        ],
        ...[
          "-Wl,--export=__heap_base",
          `${sources}inflate.c`,
          `${dir}/memory.c`,
          "-o",
          `${dir}/inflate.wasm`,
        ],
      ],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const { instance } = await WebAssembly.instantiate(await Deno.readFile(`${dir}/inflate.wasm`));
    return instance.exports as unknown as Exports;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const MEMORY = `
void *memset(void *to, int value, unsigned long size) {
  for (char *at = to; size--;) *at++ = value;
  return to;
}
void *memcpy(void *to, const void *from, unsigned long size) {
  for (char *at = to; size--;) *at++ = *(const char *)from, from = (const char *)from + 1;
  return to;
}`;

/** Unpacks with a guard behind the output that must stay. */
function unpack(c: Exports, packed: Uint8Array, size: number): Uint8Array {
  const input = c.__heap_base.value, output = input + packed.length, end = output + size;
  const pages = Math.ceil((end + 64 - c.memory.buffer.byteLength) / 65536);
  if (pages > 0) c.memory.grow(pages);
  const memory = new Uint8Array(c.memory.buffer);
  memory.set(packed, input);
  memory.fill(0xa5, output, end + 64);
  const made = c.inflate(input, packed.length, output, size);
  assert.ok(made <= size);
  assert.ok(memory.subarray(end, end + 64).every((byte) => byte === 0xa5), "it wrote behind the output");
  return memory.slice(output, output + made);
}

/** Numbers that look random and are the same in each run. */
function* numbers(seed: number): Generator<number> {
  for (let x = seed;;) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield x >>> 0;
  }
}

function samples(): Record<string, Uint8Array> {
  const random = numbers(1);
  const noise = Uint8Array.from({ length: 40_000 }, () => random.next().value!);
  return {
    "nothing": new Uint8Array(),
    "one byte": Uint8Array.of(7),
    "zeros": new Uint8Array(70_000),
    "noise": noise,
    "few symbols": noise.map((byte) => byte & 3),
    "a program": Deno.readFileSync(new URL(import.meta.url)),
    "far matches": Uint8Array.from([...noise.subarray(0, 32_000), ...noise.subarray(0, 32_000)]),
  };
}

Deno.test({
  name: "inflate() gives what any level and strategy packed, and stops where the output is full",
  ignore: missing !== undefined,
  async fn() {
    const c = await compiled();
    const strategies = ["Z_DEFAULT_STRATEGY", "Z_FIXED", "Z_HUFFMAN_ONLY", "Z_RLE"] as const;
    for (const [name, plain] of Object.entries(samples())) {
      for (const level of [0, 1, 9]) {
        for (const strategy of strategies) {
          const packed = deflateRawSync(plain, { level, strategy: constants[strategy] });
          assert.deepEqual(unpack(c, packed, plain.length), plain, `${name}, ${level}, ${strategy}`);
          assert.deepEqual(
            unpack(c, packed, plain.length + 99),
            plain,
            `${name}, ${level}, ${strategy}, room`,
          );
          const half = plain.length >> 1;
          assert.deepEqual(
            unpack(c, packed, half),
            plain.slice(0, half),
            `${name}, ${level}, ${strategy}, half`,
          );
        }
      }
    }
  },
});

Deno.test({
  name: "inflate() ends on cut and altered input, within its output",
  ignore: missing !== undefined,
  async fn() {
    const c = await compiled();
    const plain = samples()["a program"];
    const packed = deflateRawSync(plain, { level: 9 });
    for (let length = 0; length < packed.length; length += 7) {
      const made = unpack(c, packed.subarray(0, length), plain.length);
      if (length < packed.length / 2) {
        assert.ok(made.length < plain.length, `cut to ${length} bytes it is whole`);
      }
      assert.deepEqual(made, plain.slice(0, made.length));
    }
    const random = numbers(2);
    let same = 0;
    for (let i = 0; i < 500; i++) {
      const altered = Uint8Array.from(packed);
      altered[random.next().value! % altered.length] ^= 1 << random.next().value! % 8;
      const made = unpack(c, altered, plain.length);
      if (made.length === plain.length && made.every((byte, at) => byte === plain[at])) same++;
    }
    assert.ok(same < 20, `${same} of 500 alterations had no effect`);
    for (let i = 0; i < 500; i++) {
      unpack(c, Uint8Array.from({ length: 200 }, () => random.next().value!), 100_000);
    }
  },
});
