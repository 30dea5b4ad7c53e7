import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { artifactName, hostTarget, targetOf } from "./table.ts";

const host = hostTarget();
const script = new URL("install.sh", import.meta.url).pathname;
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const PROGRAM = '#!/bin/sh\necho "realm 1.2.3"\n';

/** A published build on loopback, and what the installer makes of it. */
class Bed implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "realm install " });
  readonly files = new Map<string, string>();
  readonly #server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const content = this.files.get(new URL(request.url).pathname.slice(1));
    return content === undefined ? new Response(null, { status: 404 }) : new Response(content);
  });
  constructor(program = PROGRAM, sum = sha256(program)) {
    const name = artifactName(host!, "1.2.3");
    this.files.set(name, program);
    const others = artifactName(targetOf("windows/amd64"), "1.2.3");
    this.files.set("SHA256SUMS", `${sha256("other")}  ${others}\n${sum}  ${name}\n`);
  }
  async run(
    ...args: string[]
  ): Promise<{ code: number; stdout: string; stderr: string; installed: string[] }> {
    const url = `http://127.0.0.1:${this.#server.addr.port}`;
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: [script, ...args.length > 0 ? args : [`${url}/`, `${this.dir}/bin`]],
      env: { HOME: this.dir },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    let installed: string[] = [];
    try {
      installed = [...Deno.readDirSync(`${this.dir}/bin`)].map((e) => e.name);
    } catch { /* there is no such directory */ }
    return { code, stdout: text(stdout), stderr: text(stderr), installed };
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await Deno.remove(this.dir, { recursive: true });
  }
}
const ignore = host?.uname === undefined;

Deno.test({
  name: "the installer takes the file for this platform, verifies it, and installs it; again over it",
  ignore,
  async fn() {
    await using bed = new Bed();
    for (let times = 0; times < 2; times++) {
      const { code, stdout, stderr, installed } = await bed.run();
      assert.equal(code, 0, stderr);
      assert.match(stdout, /realm 1\.2\.3 is installed as .*\/bin\/realm/);
      assert.deepEqual(installed, ["realm"]);
    }
  },
});

for (
  const [what, prepare, message] of [
    [
      "a file that was tampered with",
      () => new Bed(PROGRAM, sha256("signed")),
      /damaged or was tampered with; nothing was installed/,
    ],
    ["a file that cannot be executed", () => new Bed("#!/no/such/shell\n"), /cannot be executed here/],
    ["no sums", () => {
      const bed = new Bed();
      bed.files.delete("SHA256SUMS");
      return bed;
    }, /cannot fetch .*SHA256SUMS; is the address right/],
    ["no file for this platform", () => {
      const bed = new Bed();
      bed.files.set("SHA256SUMS", "");
      return bed;
    }, /has no file for/],
    ["a file that is missing", () => {
      const bed = new Bed();
      bed.files.delete(artifactName(host!, "1.2.3"));
      return bed;
    }, /cannot fetch .*realm-1\.2\.3/],
  ] as const
) {
  Deno.test({
    name: `the installer refuses ${what} in one sentence and leaves nothing behind`,
    ignore,
    async fn() {
      await using bed = prepare();
      const { code, stderr, installed } = await bed.run();
      assert.equal(code, 1);
      const said = stderr.split("\n").filter((line) => line.startsWith("install: "));
      assert.equal(said.length, 1, stderr);
      assert.match(said[0], message);
      assert.deepEqual(installed, []);
    },
  });
}
