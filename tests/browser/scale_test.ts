/**
 * How quick the page is with a big realm, and at first. `deno task bench dashboard` holds the bounds by the clock: 100 ms
 * for a task, 300 ms to the first paint. Here they are on the processor's time, which other work on the machine
 * lengthens little, and leave room for slower machines: a list that draws all its rows takes seconds.
 */
import assert from "node:assert/strict";
import { nouns } from "../../ui/app/nouns.ts";
import { sourceAssets } from "../../ui/mod.ts";
import { eventually } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import { bigAgent, doings } from "./big.ts";
import { enter, fabricated, goTo, launch, open } from "./bed.ts";
import { firstPaint, longestTask, workOf } from "./measure.ts";

const TASK_MS = 150, ROUNDS = 4;
/** Of the page's main thread, until somebody is signed in and sees the realm. */
const START_MS = 600;

Deno.test({
  name: "500 nodes, 2,000 apps and 10,000 events: no task of the page is long, whatever is done there",
  ignore: !canRun("browser"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const big = bigAgent();
    await using bed = fabricated(big.agent);
    const browser = await launch();
    try {
      const { context, page, faults, shot } = await open(browser, bed.url, "wide", false);
      await enter(page, bed.link());
      const acts = doings(page, big);
      const best = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round++) {
        for (const [name, act] of Object.entries(acts)) {
          // Once more what was too long: the first time code is compiled, and any may meet a collection of garbage.
          if (best.has(name) && best.get(name)! <= TASK_MS) continue;
          const { cpuMs, wallMs } = await longestTask(page, act);
          console.log(`  ${name}: longest task ${cpuMs.toFixed(0)} ms, by the clock ${wallMs.toFixed(0)} ms`);
          best.set(name, Math.min(cpuMs, best.get(name) ?? Infinity));
        }
      }
      await goTo(page, "/");
      await shot("big-overview", false);
      await goTo(page, "/events");
      await shot("big-events", false);
      assert.deepEqual([...best].filter(([, ms]) => ms > TASK_MS), []);
      assert.deepEqual(faults, []);
      await context.close();
    } finally {
      await browser.close();
    }
  },
});

Deno.test({
  name:
    "what the first visit does without is fetched ahead: every view opens though the node has other files by then",
  ignore: !canRun("browser"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using bed = fabricated();
    const browser = await launch();
    try {
      const { context, page, settled } = await open(browser, bed.url, "wide", false);
      const fetched = new Set<string>();
      page.on("requestfinished", (r) => fetched.add(new URL(r.url()).pathname.slice(1)));
      await enter(page, bed.link());
      const assets = await sourceAssets(new URL("../../", import.meta.url).pathname.replace(/\/$/, ""));
      const script = Object.keys(assets).find((name) => /^assets\/app-.*\.js$/.test(name))!;
      const parts = [...assets[script].matchAll(/import\("\.\/([^"]+)"\)/g)].map((m) => `assets/${m[1]}`);
      assert.ok(parts.length > 0);
      await eventually("all are fetched", () => parts.every((name) => fetched.has(name)));
      await settled();
      await context.route("**/assets/**", (route) => route.abort());
      for (const noun of nouns) {
        for (const path of [`/${noun}`, `/${noun}/x`]) {
          await goTo(page, path);
          assert.equal(await page.getByText("This part of the page did not come").count(), 0, path);
        }
      }
      await context.close();
    } finally {
      await browser.close();
    }
  },
});

Deno.test({
  name: "the page works little until somebody is signed in and sees the realm",
  ignore: !canRun("browser"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using bed = fabricated();
    const browser = await launch();
    try {
      const times: number[] = [];
      do {
        const { context, page } = await open(browser, bed.url, "wide", false);
        const work = await workOf(page, () => enter(page, bed.link()));
        const paint = await firstPaint(page);
        console.log(`  signed in after ${work.toFixed(0)} ms of work; first paint at ${paint.toFixed(0)} ms`);
        times.push(work);
        await context.close();
      } while (times.length < 3 && Math.min(...times) > START_MS);
      assert.ok(Math.min(...times) <= START_MS);
    } finally {
      await browser.close();
    }
  },
});
