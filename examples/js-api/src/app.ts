/** QR codes over HTTP: an ordinary Hono application, written as for any other server. */
import { type Context, Hono } from "hono";
import { encode, type QrCodeGenerateOptions } from "uqr";

/** A QR code of version 40 with the lowest correction holds 2,953 bytes; the highest 1,273. */
const TEXT_BYTES = 1273;
const COLOUR = /^#?([0-9a-f]{6})$/i;
const LEVELS = ["L", "M", "Q", "H"] as const;
const TICKS_MOST = 50;
const TICK_MS_MOST = 2000;

/** A request that asks for something impossible; the sentence goes to the client. */
class Invalid extends Error {}

/** What is drawn: the text, how much of it may be damaged, the quiet margin, and the two colours. */
interface Wish {
  readonly text: string;
  readonly level: (typeof LEVELS)[number];
  readonly margin: number;
  readonly dark: string;
  readonly light: string;
}

function colour(context: Context, name: string, fallback: string): string {
  const match = COLOUR.exec(context.req.query(name) ?? fallback);
  if (!match) throw new Invalid(`${name} is a colour of six hexadecimal digits, such as 1b2145.`);
  return `#${match[1].toLowerCase()}`;
}

function whole(context: Context, name: string, fallback: number, least: number, most: number): number {
  const value = Number(context.req.query(name) ?? fallback);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Invalid(`${name} is a whole number from ${least} to ${most}.`);
  }
  return value;
}

function wishOf(context: Context): Wish {
  const text = context.req.query("text") ?? "";
  const bytes = new TextEncoder().encode(text).length;
  if (bytes === 0) throw new Invalid("text is missing: what should the code say?");
  if (bytes > TEXT_BYTES) throw new Invalid(`text has ${bytes} bytes; at most ${TEXT_BYTES} fit.`);
  const level = (context.req.query("level") ?? "M").toUpperCase() as Wish["level"];
  if (!LEVELS.includes(level)) throw new Invalid("level is L, M, Q or H.");
  return {
    text,
    level,
    margin: whole(context, "margin", 2, 0, 16),
    dark: colour(context, "dark", "1b2145"),
    light: colour(context, "light", "ffffff"),
  };
}

function codeOf(wish: Wish) {
  const options: QrCodeGenerateOptions = { ecc: wish.level, border: wish.margin };
  return encode(wish.text, options);
}

/** The code as SVG: one path of row-wise runs. Only numbers and checked colours are written into it. */
export function drawn(wish: Wish): string {
  const { data, size } = codeOf(wish);
  let path = "";
  data.forEach((row, y) => {
    for (let x = 0; x < size; x++) {
      if (!row[x]) continue;
      const from = x;
      while (x < size && row[x]) x++;
      path += `M${from} ${y}h${x - from}v1h-${x - from}z`;
    }
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">` +
    `<path fill="${wish.light}" d="M0 0h${size}v${size}H0z"/><path fill="${wish.dark}" d="${path}"/></svg>\n`;
}

/** The application: `app.fetch(request)` answers. */
export const app: Hono = new Hono();

app.onError((error, context) => {
  if (error instanceof Invalid) return context.json({ error: "invalid", message: error.message }, 400);
  console.error(error);
  return context.json({ error: "internal", message: "The code could not be drawn." }, 500);
});
app.notFound((context) => context.json({ error: "not_found", message: "There is no such resource." }, 404));

app.get("/healthz", (context) => context.json({ status: "ok" }));

app.get("/qr.svg", (context) => {
  context.header("content-type", "image/svg+xml");
  context.header("cache-control", "public, max-age=3600");
  context.header("content-security-policy", "default-src 'none'");
  context.header("x-content-type-options", "nosniff");
  if (context.req.query("download") !== undefined) {
    context.header("content-disposition", 'attachment; filename="code.svg"');
  }
  return context.body(drawn(wishOf(context)));
});

app.get("/api/qr", (context) => {
  const wish = wishOf(context);
  const { size, version, data } = codeOf(wish);
  const rows = data.map((row) => row.map((dark) => (dark ? "1" : "0")).join(""));
  return context.json({ text: wish.text, level: wish.level, version, size, rows });
});

/** What was sent comes back as it arrives, so that streaming in both directions can be seen. */
app.post("/api/echo", (context) => {
  const type = context.req.header("content-type") ?? "application/octet-stream";
  return new Response(context.req.raw.body, {
    headers: { "content-type": type, "x-content-type-options": "nosniff" },
  });
});

/** Server-sent events, one every `ms`: a response that is produced over time. */
app.get("/api/ticks", (context) => {
  const count = whole(context, "count", 5, 1, TICKS_MOST);
  const ms = whole(context, "ms", 500, 0, TICK_MS_MOST);
  const encoder = new TextEncoder();
  let sent = 0;
  const events = new ReadableStream({
    async pull(controller) {
      if (sent === count) return controller.close();
      if (sent > 0) await new Promise((wake) => setTimeout(wake, ms));
      controller.enqueue(encoder.encode(`data: ${++sent}\n\n`));
    },
  });
  return new Response(events, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
});
