import assert from "node:assert/strict";
import fc from "fast-check";
import { packTar, type TarEntry, unpackTar } from "modern-tar";
import { fuzz } from "../../tests/fuzz.ts";
import type { Disk } from "../ports.ts";
import { utf8 } from "../protocol/encoding.ts";
import { RealmError } from "../protocol/errors.ts";
import { entryHeader } from "./archive_layout.ts";
import type { PackageWorld } from "./content.ts";
import { createPackage } from "./create.ts";
import { createTestKeys } from "./keys_test.ts";
import { inTemporaryDirectory, realWorld, writeFiles } from "./package_fixture_test.ts";
import { readPackage } from "./reader.ts";
import { verifyPackage } from "./verify.ts";

const world = realWorld();
const { signer, verifier } = createTestKeys();
const HUGE = 8 * 1024 ** 3 - 1;

/** A valid package with few files, as bytes. */
async function validPackage(options: { signed?: boolean; long?: boolean }): Promise<Uint8Array> {
  return await inTemporaryDirectory(async (root) => {
    await writeFiles(`${root}/app`, {
      "manifest.toml":
        '[component]\nname = "a"\nversion = "1"\n[http]\nstatic = "/w"\n[[mounts]]\nkind = "static"\nguest = "/w"\nsource = "s"\n',
      "s/a.txt": "alpha",
      "s/b.txt": "beta",
      ...(options.long ? { [`s/${"l".repeat(110)}.txt`]: "long" } : {}),
    });
    await createPackage(world, `${root}/app`, `${root}/a.realm`, options.signed ? { signer } : {});
    return await Deno.readFile(`${root}/a.realm`);
  });
}
const valid = await validPackage({ long: true });
/** The same without a long path, for which tars differ: another tar writes it byte for byte alike. */
const plain = await validPackage({});
const signed = await validPackage({ signed: true, long: true });

/** One file in memory. */
function worldWith(bytes: Uint8Array): PackageWorld {
  const disk: Disk = {
    ...world.disk,
    stat: (path) =>
      Promise.resolve(path === "/p.realm" ? { kind: "file", size: bytes.length, modifiedAt: 0 } : undefined),
    readStream: (_path, { start = 0, end = bytes.length } = {}) =>
      new Response(bytes.slice(start, end) as BodyInit).body!,
  };
  return { disk, hasher: world.hasher };
}

/** What verification says about an archive: `ok`, or every complaint. */
async function verdict(bytes: Uint8Array): Promise<string> {
  try {
    const { ok, problems } = await verifyPackage(worldWith(bytes), "/p.realm", verifier);
    return ok ? "ok" : problems.join("\n");
  } catch (error) {
    if (error instanceof RealmError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const entriesOf = async (): Promise<TarEntry[]> =>
  (await unpackTar(plain)).map(({ header, data }) => ({
    header: {
      name: header.name,
      size: header.size,
      type: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: new Date(0),
    },
    body: data,
  }));
const at = (name: string) => (entries: TarEntry[]) => entries.findIndex((e) => e.header.name === name);

/** Archives made by another tar with one thing that must not be. */
const repacked:
  readonly (readonly [name: string, change: (entries: TarEntry[]) => void, expected: RegExp])[] = [
    ["a symbolic link", (e) => {
      e[1] = { header: { name: "s/a.txt", size: 0, type: "symlink", linkname: "/etc/passwd" } };
    }, /"s\/a.txt" \(symbolic link\)/],
    ["a hard link", (e) => {
      e[1] = { header: { name: "s/a.txt", size: 0, type: "link", linkname: "s/b.txt" } };
    }, /"s\/a.txt" \(hard link\)/],
    [
      "a device",
      (e) => void (e[1] = { header: { name: "s/a.txt", size: 0, type: "character-device" } }),
      /\(device\)/,
    ],
    ["a pipe", (e) => void (e[1] = { header: { name: "s/a.txt", size: 0, type: "fifo" } }), /\(pipe\)/],
    [
      "a directory",
      (e) => void e.splice(1, 0, { header: { name: "s/", size: 0, type: "directory" } }),
      /"s\/" \(directory\) stands where "s\/a.txt"/,
    ],
    ["a PAX header that renames", (e) => {
      e[1].header.pax = { path: "../../evil" };
    }, /\(PAX header\) stands where "s\/a.txt"/],
    ["a PAX header that resizes", (e) => void (e[1].header.pax = { size: "5" }), /\(PAX header\)/],
    ["a GNU long name", (e) => {
      e.splice(1, 0, { header: { name: "././@LongLink", size: 3, type: "gnu-long-name" }, body: "../" });
    }, /\(GNU long name\)/],
    ["a global PAX header", (e) => {
      e.splice(1, 0, { header: { name: "g", size: 0, type: "pax-global-header" } });
    }, /\(global PAX header\)/],
    ["a path outside", (e) => void (e[1].header.name = "../a.txt"), /"\.\.\/a.txt" \(file\) stands where/],
    ["an absolute path", (e) => void (e[1].header.name = "/a.txt"), /"\/a.txt" \(file\)/],
    ["a time", (e) => void (e[1].header.mtime = new Date(1000)), /"s\/a.txt" has a header that differs/],
    ["an owner", (e) => void (e[1].header.uid = 1), /"s\/a.txt" has a header that differs/],
    ["a mode", (e) => void (e[1].header.mode = 0o4755), /"s\/a.txt" has a header that differs/],
    ["another size", (e) => {
      e[1].header.size = 4;
      e[1].body = "alph";
    }, /"s\/a.txt" has a header that differs/],
    ["other content", (e) => void (e[1].body = "alphb"), /"s\/a.txt" has the digest/],
    [
      "a missing file",
      (e) => void e.splice(at("s/b.txt")(e), 1),
      /stands where "s\/b.txt" must stand|"s\/b.txt" is missing/,
    ],
    ["a missing last file", (e) => void e.pop(), /is missing: the package ends before it/],
    [
      "an extra file",
      (e) => void e.push({ header: { name: "x", size: 1, mtime: new Date(0) }, body: "x" }),
      /"x" \(file\) is not in the manifest's inventory/,
    ],
    ["a file twice", (e) => void e.splice(1, 0, e[1]), /"s\/a.txt" \(file\) stands where "s\/b.txt"/],
    ["other order", (e) => void e.splice(1, 2, e[2], e[1]), /"s\/b.txt" \(file\) stands where "s\/a.txt"/],
    ["a manifest that is not first", (e) => void e.push(e.shift()!), /does not begin with "manifest.toml"/],
    [
      "a second manifest",
      (e) => void e.splice(1, 0, e[0]),
      /"manifest.toml" \(file\) stands where "s\/a.txt"/,
    ],
    ["a manifest without inventory", (e) => {
      const body = utf8('[component]\nname = "a"\nversion = "1"\n');
      e[0] = { header: { ...e[0].header, size: body.length }, body };
    }, /bad_manifest: [^]*has no inventory/],
  ];
for (const [name, change, expected] of repacked) {
  Deno.test(`an archive with ${name} is refused, the path named`, async () => {
    const entries = await entriesOf();
    change(entries);
    const found = await verdict(await packTar(entries));
    assert.match(found, expected);
  });
}

/** Archives changed byte by byte. */
const tampered:
  readonly (readonly [name: string, change: (bytes: Uint8Array) => Uint8Array, expected: RegExp])[] = [
    ["nothing in it", () => new Uint8Array(0), /is not a package/],
    ["only zeros", () => new Uint8Array(10_240), /is not a package/],
    ["gzip around it", () => Uint8Array.of(0x1f, 0x8b, 8, 0, 0), /is not a package/],
    ["a manifest said to be huge", (b) => {
      b.set(entryHeader("manifest.toml", HUGE));
      return b;
    }, /too_large: "manifest.toml" is larger than/],
    ["a size in base 256", (b) => {
      b.set([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 124);
      return b;
    }, /"manifest.toml" has a header/],
    ["a size with a sign", (b) => {
      b.set(utf8("-0000000001\0"), 124);
      return b;
    }, /"manifest.toml" has a header/],
    ["a wrong checksum", (b) => {
      b[150] ^= 1;
      return b;
    }, /"manifest.toml" has a header/],
    ["bytes after its end", (b) => new Uint8Array([...b, ...new Uint8Array(512)]), /has bytes after its end/],
    ["bytes in its end mark", (b) => {
      b[b.length - 1] = 1;
      return b;
    }, /is not in the manifest's inventory/],
    ["bytes in a padding", (b) => {
      b[b.length - 1024 - 1] = 1;
      return b;
    }, /is followed by bytes that are not zero/],
    ["a changed name behind the PAX header", (b) => {
      b[b.length - 1024 - 1024] ^= 1;
      return b;
    }, /has a header that differs|stands where/],
  ];
for (const [name, change, expected] of tampered) {
  Deno.test(`an archive with ${name} is refused`, async () => {
    assert.match(await verdict(change(valid.slice())), expected);
  });
}

Deno.test("the fixtures that hostile archives are made from are valid, and another tar's same bytes are accepted", async () => {
  assert.equal(await verdict(valid), "ok");
  assert.equal(await verdict(signed), "ok");
  assert.deepEqual(await packTar(await entriesOf()), new Uint8Array(plain));
});

Deno.test("an archive cut off anywhere is refused", async () => {
  for (let end = 0; end < valid.length; end += 64) {
    assert.notEqual(await verdict(valid.subarray(0, end)), "ok", `cut at ${end}`);
  }
  assert.notEqual(await verdict(valid.subarray(0, valid.length - 1)), "ok");
});

Deno.test("a signature file that is not one is refused", async () => {
  const bytes = signed.slice();
  const at = new TextDecoder("latin1").decode(bytes).indexOf('{"keyid"');
  assert.ok(at > 0);
  bytes[at] = 0x20;
  assert.match(await verdict(bytes), /"signature.json" is not a signature/);
});

Deno.test("fuzz: any change of a package's bytes is refused", async () => {
  const change = fc.record({
    at: fc.nat(signed.length - 1),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 24 }),
    how: fc.constantFrom("replace", "insert", "remove", "copy"),
    from: fc.nat(signed.length - 1),
  });
  await fuzz(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
    let bytes: Uint8Array = signed.slice();
    for (const { at, bytes: b, how, from } of changes) {
      const place = Math.min(at, bytes.length);
      if (how === "replace") bytes.set(b.subarray(0, bytes.length - place), place);
      else if (how === "copy") bytes.copyWithin(place, Math.min(from, bytes.length), from + 512);
      else {
        const rest = bytes.subarray(how === "remove" ? Math.min(bytes.length, place + b.length) : place);
        const middle = how === "insert" ? b : new Uint8Array(0);
        bytes = new Uint8Array([...bytes.subarray(0, place), ...middle, ...rest]);
      }
    }
    const same = bytes.length === signed.length && bytes.every((x, i) => x === signed[i]);
    assert.equal(await verdict(bytes) === "ok", same);
  });
});

Deno.test("fuzz: arbitrary bytes are never a package and never an exception", async () => {
  const blocks = fc.oneof(
    fc.uint8Array({ maxLength: 2048 }),
    fc.tuple(fc.constantFrom("manifest.toml", "signature.json", "s/a.txt", "../x"), fc.nat(5000))
      .map(([name, size]) => entryHeader(name, size)),
    fc.constant(new Uint8Array(512)),
    fc.string({ maxLength: 600 }).map(utf8),
  );
  await fuzz(fc.array(blocks, { maxLength: 6 }), async (parts) => {
    const bytes = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let place = 0;
    for (const part of parts) {
      bytes.set(part, place);
      place += part.length;
    }
    assert.notEqual(await verdict(bytes), "ok");
  });
});

Deno.test("fuzz: a directory with arbitrary names is packed readably, or refused with a code", async () => {
  const name = fc.oneof(
    fc.string({ maxLength: 12, unit: "grapheme" }),
    fc.constantFrom("a", "A", "con", "x.", "ä", "a\u0308", "signature.json", "manifest.toml"),
  ).filter((n) => n !== "" && n !== "." && n !== ".." && !/[/\0]/.test(n) && n.isWellFormed());
  const files = fc.array(
    fc.tuple(fc.array(name, { minLength: 1, maxLength: 3 }), fc.string({ maxLength: 50 })),
    {
      maxLength: 5,
    },
  );
  await fuzz(files, async (list) => {
    await inTemporaryDirectory(async (root) => {
      await writeFiles(`${root}/app`, {
        "manifest.toml": '[component]\nname = "a"\nversion = "1"\nwasm = "c.wasm"\n',
        "c.wasm": "",
      });
      for (const [parts, content] of list) {
        await writeFiles(`${root}/app/d`, { [parts.join("/")]: content }).catch(() => {});
      }
      try {
        const made = await createPackage(world, `${root}/app`, `${root}/a.realm`);
        assert.ok((await verifyPackage(world, `${root}/a.realm`, verifier)).ok);
        assert.equal((await readPackage(world, `${root}/app`)).digest, made.digest);
      } catch (error) {
        if (!(error instanceof RealmError) || error.code !== "bad_package") throw error;
      }
    });
  }, 0.05);
});
