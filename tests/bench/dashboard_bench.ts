/**
 * The dashboard by the clock: first paint from a real local agent with an empty cache, the longest task of the page's
 * main thread while a realm of 500 nodes, 2,000 apps and 10,000 events is used, and what is loaded, gzip.
 */
import { Cluster } from "../cluster.ts";
import { bigAgent, doings } from "../browser/big.ts";
import { enter, fabricated, launch, linkOf, open } from "../browser/bed.ts";
import { firstPaint, type LongestTask, longestTask } from "../browser/measure.ts";
import { buildAssets, firstVisitBytes } from "../../ui/mod.ts";
import { canRun } from "../system_packages.ts";
import { atMost, type Figure, median, pause } from "./figures.ts";

const PAINT_MS = 300, TASK_MS = 100, GZIP_BYTES = 150_000;
const VISITS = 9, ROUNDS = 5;
/** A new window works for a while by itself. */
const SETTLE_MS = 1_500;
const figures: Figure[] = [];
/** The least counts: it is the one without other load. */
const say = (name: string, times: readonly number[], most: number) =>
  figures.push(atMost(name, Math.min(...times), most, "ms", `median ${median(times).toFixed(0)} ms`));

if (!canRun("browser")) {
  console.log("  left out: it needs the Debian package chromium");
  Deno.exit(0);
}
const assets = await buildAssets(new URL("../../", import.meta.url).pathname.replace(/\/$/, ""));
figures.push(atMost("loaded at the first visit, gzip", await firstVisitBytes(assets), GZIP_BYTES, "B"));

const browser = await launch();
{
  await using cluster = await Cluster.start({ nodes: 1 });
  const origin = cluster.nodes[0].api, link = await linkOf(cluster);
  // What the browser itself takes on this machine for a page of one word.
  await using word = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("<!doctype html>word", { headers: { "content-type": "text/html" } }),
  );
  const visit = async (address: string): Promise<number> => {
    // A context of its own has an empty cache. Its window is ready before the clock runs.
    const { context, page } = await open(browser, origin, "wide", false);
    await pause(SETTLE_MS);
    await page.goto(address);
    const at = await firstPaint(page);
    await context.close();
    return at;
  };
  const visits = {
    "one word": `http://127.0.0.1:${word.addr.port}/`,
    "sign-in page": origin,
    "signed in by a link": link,
  };
  const times = new Map<string, number[]>();
  // The node makes the files ready at the first visit of all, which does not count.
  await visit(origin);
  for (let i = 0; i < VISITS; i++) {
    for (const [what, address] of Object.entries(visits)) {
      times.set(what, [...times.get(what) ?? [], await visit(address)]);
    }
  }
  for (const [what, list] of times) say(`first paint, ${what}`, list, PAINT_MS);
}
{
  const big = bigAgent();
  await using bed = fabricated(big.agent);
  const { context, page } = await open(browser, bed.url, "wide", false);
  await enter(page, bed.link());
  const taken = new Map<string, LongestTask[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, act] of Object.entries(doings(page, big))) {
      taken.set(name, [...taken.get(name) ?? [], await longestTask(page, act)]);
    }
  }
  for (const [name, tasks] of taken) {
    say(`longest task, ${name}`, tasks.map((t) => t.wallMs), TASK_MS);
  }
  await context.close();
}
await browser.close();
Deno.exit(figures.every((f) => f.holds !== false) ? 0 : 1);
