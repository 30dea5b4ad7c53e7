import assert from "node:assert/strict";
import type { AccessEntry } from "../gateway/mod.ts";
import { silentLog } from "../../tests/content.ts";
import { openAccessFile } from "./access_file.ts";

const entry = (path: string): AccessEntry => ({
  at: Date.UTC(2026, 0, 2),
  app: "site",
  client: "127.0.0.1",
  method: "GET",
  host: "site.localhost",
  path,
  status: 200,
  ms: 1.5,
  bytes: 12,
});
const linesOf = (path: string) =>
  Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);

Deno.test("requests become lines of JSON, also over a restart; hostile paths stay within their line", () => {
  const dir = Deno.makeTempDirSync(), path = `${dir}/access.log`;
  for (const at of ["/one", "/two\n{}", '/\u2028"three']) {
    using file = openAccessFile(path, silentLog);
    file.deliver([entry(at)], at === "/one" ? 7 : 0);
  }
  const lines = linesOf(path);
  assert.deepEqual(lines.map((l) => l.path), ["/one", undefined, "/two\n{}", '/\u2028"three']);
  assert.deepEqual([lines[0].at, lines[0].status, lines[1].dropped], ["2026-01-02T00:00:00.000Z", 200, 7]);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("the log takes two files of the given size at most, and loses the oldest lines only", () => {
  const dir = Deno.makeTempDirSync(), path = `${dir}/access.log`;
  {
    using file = openAccessFile(path, silentLog, 4_000);
    for (let i = 0; i < 100; i++) file.deliver([entry(`/${i}`)], 0);
  }
  assert.deepEqual([...Deno.readDirSync(dir)].map((e) => e.name).sort(), ["access.log", "access.log.1"]);
  for (const name of [path, `${path}.1`]) assert.ok(Deno.statSync(name).size <= 4_000);
  const kept = [...linesOf(`${path}.1`), ...linesOf(path)].map((l) => Number(String(l.path).slice(1)));
  assert.deepEqual(kept, Array.from({ length: kept.length }, (_, i) => 100 - kept.length + i));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a place that cannot be written is told at the start, and later a full disk once", () => {
  assert.throws(() => openAccessFile("/nowhere/access.log", silentLog), {
    name: "RealmError",
    code: "disk",
    message: /--access-log/,
  });
  if (Deno.build.os !== "linux") return;
  const told: string[] = [];
  using file = openAccessFile("/dev/full", { ...silentLog, warn: (what) => void told.push(what) });
  for (let i = 0; i < 3; i++) file.deliver([entry("/")], 0);
  assert.deepEqual(told, ["the access log cannot be written"]);
});
