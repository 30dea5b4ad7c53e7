import assert from "node:assert/strict";
import { join } from "node:path";
import { runGuest } from "../../tests/wasi/run_guest.ts";
import { canRun } from "../../tests/system_packages.ts";
import { cachedFile, contentKey, filesBelow, folderOf } from "../lib/assemble.ts";
import { C_FLAGS, compileC } from "../lib/toolchain.ts";
import { seedLog } from "./build.ts";

const EXAMPLE = folderOf(import.meta.url);
const LIB = join(EXAMPLE, "..", "lib");

/** The whole application as a command that answers one request (`../lib/http_command.c`). */
async function application(): Promise<Uint8Array> {
  const own = (await filesBelow(join(EXAMPLE, "src"))).map((file) => join(EXAMPLE, "src", file));
  const lib = ["http_command.c", "http_text.c", "wasi_http.h"].map((file) => join(LIB, file));
  const files = [...own, ...lib];
  const built = await cachedFile(EXAMPLE, "test.wasm", await contentKey(files, C_FLAGS), (out) =>
    compileC({
      sources: files.filter((file) => file.endsWith(".c")),
      include: [LIB],
      model: "command",
      // The command writes its answer to stdout; what the application logs there would be mixed in, so LOG stays unset.
      out,
    }));
  return Deno.readFile(built.path);
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

interface Book {
  ask(target: string, asked?: Asked): Promise<Answer>;
  json(target: string, value: unknown): Promise<Answer>;
  form(fields: Record<string, string>): Promise<Answer>;
  /** The file with the records. */
  readonly file: string;
}

const CARDS = [
  { at: "2026-01-04T09:12:00Z", stamp: "boat", name: "Ines", hearts: 2, message: "First & <second>" },
  { at: "2026-01-05T09:12:00Z", stamp: "star", name: "Bo", hearts: 0, message: "One\nTwo\\three" },
];

async function withBook(body: (book: Book) => Promise<void>, seed = seedLog(CARDS)): Promise<void> {
  const wasm = await application();
  const root = await Deno.makeTempDir({ prefix: "realm-guestbook-" });
  await Deno.mkdir(join(root, "data"));
  await Deno.mkdir(join(root, "etc"));
  await Deno.writeTextFile(
    join(root, "etc", "config.json"),
    '{"title":"Test <book>","version":"9.9.9","open":true}',
  );
  const file = join(root, "data", "guestbook.log");
  if (seed) await Deno.writeTextFile(file, seed);
  const ask = async (target: string, asked: Asked = {}): Promise<Answer> => {
    const headers = Object.entries(asked.headers ?? {}).map((
      [name, value],
    ) => [`HEADER_${name.toUpperCase().replaceAll("-", "_")}`, value]);
    const { body } = asked;
    const result = await runGuest({
      wasm,
      env: { METHOD: asked.method ?? "GET", TARGET: target, ...Object.fromEntries(headers), ...asked.env },
      stdin: typeof body === "string" ? new TextEncoder().encode(body) : body ?? new Uint8Array(),
      mounts: [
        { guest: "/data", host: join(root, "data"), readOnly: false },
        { guest: "/etc/app", host: join(root, "etc"), readOnly: true },
      ],
    });
    assert.equal(result.trap, undefined);
    const end = result.stdout.indexOf("\n\n");
    const [status, ...lines] = result.stdout.slice(0, end).split("\n");
    const parsed = lines.map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]);
    return { status: Number(status), headers: new Headers(parsed), text: result.stdout.slice(end + 2) };
  };
  const post = (target: string, type: string, body: string) =>
    ask(target, { method: "POST", headers: { "content-type": type }, body });
  try {
    await body({
      ask,
      file,
      json: (target, value) => post(target, "application/json", JSON.stringify(value)),
      form: (fields) =>
        post("/", "application/x-www-form-urlencoded; charset=utf-8", String(new URLSearchParams(fields))),
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

function scenario(name: string, body: (book: Book) => Promise<void>, seed?: string): void {
  Deno.test(`guestbook: ${name}`, async () => {
    if (canRun("wasi")) await withBook(body, seed);
  });
}

const entries = async (book: Book) => JSON.parse((await book.ask("/api/entries")).text);

scenario("begins with the seed cards, newest first, and counts their hearts", async (book) => {
  const { title, total, entries: cards, next } = await entries(book);
  assert.equal(title, "Test <book>");
  assert.equal(total, 2);
  assert.equal(next, null);
  assert.deepEqual(
    cards.map((c: { name: string; message: string; hearts: number }) => [c.name, c.message, c.hearts]),
    [
      ["Bo", "One\nTwo\\three", 0],
      ["Ines", "First & <second>", 2],
    ],
  );
});

scenario("keeps what a form and the API wrote, for every instance after", async (book) => {
  const sent = await book.form({ name: " Ada ", message: "a=b & c+d\r\nzweite Zeile: ü 😀", stamp: "leaf" });
  assert.equal(sent.status, 303);
  const added = await book.json("/api/entries", {
    name: "Ådne",
    message: 'quote " and \\ and \u2028',
    stamp: "none",
  });
  assert.equal(added.status, 201);
  const { entries: cards } = await entries(book);
  assert.equal(cards[1].name, "Ada");
  assert.equal(cards[1].message, "a=b & c+d\nzweite Zeile: ü 😀");
  assert.equal(cards[1].stamp, "leaf");
  assert.equal(sent.headers.get("location"), `/#c${cards[1].id}`);
  assert.equal(cards[0].message, 'quote " and \\ and \u2028');
  assert.equal(cards[0].stamp, "sun");
});

scenario("shows what people wrote as text, never as HTML", async (book) => {
  await book.form({ name: `"><img src=x onerror=alert(1)>`, message: "<script>alert('x')</script>" });
  const page = await book.ask("/");
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-security-policy")!, /default-src 'none'/);
  assert.doesNotMatch(page.text, /<script>|<img/);
  assert.match(page.text, /&lt;script&gt;alert\(&#39;x&#39;\)&lt;\/script&gt;/);
  assert.match(page.text, /Test &lt;book&gt;/);
  const again = await book.form({ name: `"><b>`, message: " " });
  assert.equal(again.status, 422);
  assert.match(again.text, /value="&quot;&gt;&lt;b&gt;"/);
});

scenario("passes over torn and foreign lines, and what follows them is whole", async (book) => {
  const whole = await Deno.readTextFile(book.file);
  const torn = whole.split("\n")[0].slice(0, 40);
  await Deno.writeTextFile(book.file, `${whole}00000000\tE\tforged\t1\tsun\tEve\tfalse\nnonsense\n${torn}`);
  assert.equal((await entries(book)).total, 2);
  assert.equal((await book.json("/api/entries", { name: "After", message: "the crash" })).status, 201);
  const { total, entries: cards } = await entries(book);
  assert.equal(total, 3);
  assert.equal(cards[0].name, "After");
});

scenario("counts hearts and refuses one for a card that does not exist", async (book) => {
  const { entries: [card] } = await entries(book);
  const heart = (id: string, accept = "*/*") =>
    book.ask(`/api/entries/${id}/heart`, { method: "POST", headers: { accept } });
  assert.deepEqual(JSON.parse((await heart(card.id)).text), { id: card.id, hearts: 1 });
  const byForm = await heart(card.id, "text/html,*/*");
  assert.equal(byForm.status, 303);
  assert.equal((await entries(book)).entries[0].hearts, 2);
  assert.equal((await heart("0".repeat(16))).status, 404);
});

scenario("takes the same card once when it is sent twice", async (book) => {
  const first = JSON.parse((await book.json("/api/entries", { name: "Twice", message: "hello" })).text);
  const second = JSON.parse((await book.json("/api/entries", { name: "Twice", message: "hello" })).text);
  assert.equal(first.id, second.id);
  assert.equal((await entries(book)).total, 3);
});

scenario("leaves out what machines write, without telling them", async (book) => {
  for (const website of ["x", "https://long.example/".repeat(10)]) {
    const sent = await book.form({ name: "Robot", message: "buy", website });
    assert.equal(sent.status, 303);
  }
  assert.equal((await book.form({ name: "Person", message: "hello", website: "" })).status, 303);
  const { total, entries: cards } = await entries(book);
  assert.equal(total, 3);
  assert.equal(cards[0].name, "Person");
});

scenario("answers HEAD wherever it answers GET", async (book) => {
  for (const target of ["/", "/cards", "/healthz", "/api/entries", "/api/export"]) {
    assert.equal((await book.ask(target, { method: "HEAD" })).status, 200, target);
  }
});

scenario(
  "refuses what is empty, too long, malformed, of the wrong type, or from another site",
  async (book) => {
    const json = { "content-type": "application/json" };
    const post = (body: string | Uint8Array, headers: Record<string, string> = json) =>
      book.ask("/api/entries", { method: "POST", headers, body });
    const cases: readonly [number, Promise<Answer>][] = [
      [422, book.json("/api/entries", { name: "", message: "x" })],
      [422, book.json("/api/entries", { name: "x", message: "\u202e \u0007\n" })],
      [422, book.json("/api/entries", { name: "x".repeat(81), message: "x" })],
      [422, book.json("/api/entries", { name: "x", message: "x".repeat(1501) })],
      [
        422,
        post(
          Uint8Array.from([
            ...new TextEncoder().encode('{"name":"'),
            0xff,
            ...new TextEncoder().encode('","message":"x"}'),
          ]),
        ),
      ],
      [400, post('{"name":"x","message":"\\ud800"}')],
      [400, post('{"name":"x","message":"y"} trailing')],
      [400, post('{"name":{"deep":1},"message":"y"}')],
      [400, post("")],
      [413, post(JSON.stringify({ name: "x", message: "x".repeat(17_000) }))],
      [415, post('{"name":"x","message":"y"}', { "content-type": "text/plain" })],
      [403, post('{"name":"x","message":"y"}', { ...json, "sec-fetch-site": "cross-site" })],
      [
        403,
        book.ask("/api/entries", {
          method: "POST",
          headers: json,
          body: '{"name":"x","message":"y"}',
          env: { GUESTBOOK_OPEN: "no" },
        }),
      ],
      [405, book.ask("/", { method: "DELETE" })],
      [404, book.ask("/nowhere")],
      [404, book.ask("/api/nowhere")],
      [400, book.ask("/api/entries?limit=0")],
    ];
    for (const [index, [status, answer]] of cases.entries()) {
      assert.equal((await answer).status, status, `case ${index}: ${(await answer).text.slice(0, 200)}`);
    }
    assert.equal((await entries(book)).total, 2);
  },
);

scenario("lets a burst through and then asks to wait", async (book) => {
  const now = Date.now();
  const burst = Array.from({ length: 30 }, (_, i) => ({
    at: new Date(now).toISOString(),
    stamp: "sun",
    name: `n${i}`,
    message: "m",
    hearts: 0,
  }));
  await Deno.writeTextFile(book.file, seedLog(burst));
  const refused = await book.json("/api/entries", { name: "one", message: "more" });
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "30");
});

scenario("pages through all cards by links and by the API", async (book) => {
  const many = Array.from({ length: 60 }, (_, i) => ({
    at: new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString(),
    stamp: "sun",
    name: `name ${i}`,
    message: "m",
    hearts: 0,
  }));
  await Deno.writeTextFile(book.file, seedLog(many));
  const seen: string[] = [];
  for (let next = "/api/entries?limit=25"; next;) {
    const page = JSON.parse((await book.ask(next)).text);
    seen.push(...page.entries.map((entry: { name: string }) => entry.name));
    next = page.next;
  }
  assert.deepEqual(seen, many.map((card) => card.name).reverse());
  const older = /href="(\/\?before=[0-9a-f]{16})"/.exec((await book.ask("/")).text)![1];
  assert.match((await book.ask(older)).text, /<h3>name 35<\/h3>/);
});

scenario("is healthy with an empty volume, and says so when it has none", async (book) => {
  const health = await book.ask("/healthz");
  assert.equal(health.status, 200);
  assert.deepEqual(JSON.parse(health.text), { status: "ok", entries: 0, version: "9.9.9" });
  await Deno.remove(book.file);
  await Deno.mkdir(book.file);
  assert.equal((await book.ask("/healthz")).status, 503);
  assert.equal((await book.ask("/")).status, 503);
}, "");
