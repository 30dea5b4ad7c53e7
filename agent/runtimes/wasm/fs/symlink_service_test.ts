import assert from "node:assert/strict";
import { FsError, makeSymlink, serveSymlinks, symlinkClient } from "./mod.ts";

function place() {
  const top = Deno.makeTempDirSync();
  for (const d of ["rw", "rw/sub", "ro", "outside"]) Deno.mkdirSync(`${top}/${d}`);
  Deno.symlinkSync("../outside", `${top}/rw/out`);
  const mounts = [
    { guest: "/rw", host: `${top}/rw/`, readOnly: false },
    { guest: "/ro", host: `${top}/ro`, readOnly: true },
  ];
  return { top, mounts, [Symbol.dispose]: () => Deno.removeSync(top, { recursive: true }) };
}

Deno.test("the symlink service makes links below writable mounts and nowhere else", () => {
  using here = place();
  const { top, mounts } = here;
  makeSymlink("../x", `${top}/rw/sub/l`, mounts);
  assert.equal(Deno.readLinkSync(`${top}/rw/sub/l`), "../x");
  const refusals: [string, string, string][] = [
    ["x", `${top}/ro/l`, "EPERM"],
    ["x", `${top}/outside/l`, "EPERM"],
    ["x", `${top}/rw`, "EPERM"],
    ["x", `${top}/rw/`, "EPERM"],
    ["x", `${top}/rw/../outside/l`, "EPERM"],
    ["x", `${top}/rw/sub/../l`, "EPERM"],
    ["x", `${top}/rw/out/l`, "ENOTDIR"],
    ["x", `${top}/rw//l`, "EPERM"],
    ["x", `${top}/rw/missing/l`, "ENOENT"],
    ["x", `${top}/rw/sub/l`, "EEXIST"],
    ["/etc/passwd", `${top}/rw/l`, "EPERM"],
    ["", `${top}/rw/l`, "EPERM"],
    ["a\0b", `${top}/rw/l`, "EPERM"],
  ];
  for (const [target, path, code] of refusals) {
    assert.throws(
      () => makeSymlink(target, path, mounts),
      (e) => e instanceof FsError && e.code === code,
      path,
    );
  }
  assert.deepEqual([...Deno.readDirSync(`${top}/outside`)], []);
});

Deno.test("a blocked thread gets its symlink, or the error, from the thread that serves", async () => {
  using here = place();
  const { top, mounts } = here;
  const channel = new MessageChannel();
  serveSymlinks(channel.port1, mounts);
  const source = `
    import { symlinkClient } from ${JSON.stringify(new URL("mod.ts", import.meta.url).href)};
    self.onmessage = ({ data: [port, paths] }) => {
      const make = symlinkClient(port);
      self.postMessage(paths.map((path) => {
        try { make("x", path); return "made"; } catch (error) { return error.code; }
      }));
    };`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  try {
    const answer = Promise.withResolvers<string[]>();
    worker.onmessage = (event) => answer.resolve(event.data);
    const paths = [`${top}/rw/a`, `${top}/rw/a`, `${top}/outside/b`];
    worker.postMessage([channel.port2, paths], [channel.port2]);
    assert.deepEqual(await answer.promise, ["made", "EEXIST", "EPERM"]);
    assert.equal(Deno.readLinkSync(`${top}/rw/a`), "x");
  } finally {
    worker.terminate();
    channel.port1.close();
    URL.revokeObjectURL(url);
  }
});

Deno.test("where nobody serves, a client gives up with EIO", () => {
  assert.throws(
    () =>
      symlinkClient({ postMessage: ({ reply }: { reply: SharedArrayBuffer }) => answerWith(reply, 0) }, 10)(
        "x",
        "/y",
      ),
    (e) => e instanceof FsError && e.code === "EIO",
  );
});

/** Stores an answer without waking anybody. */
function answerWith(reply: SharedArrayBuffer, value: number): void {
  Atomics.store(new Int32Array(reply), 0, value);
}
