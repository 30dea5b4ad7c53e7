/** What a page costs the thread that a person's hand waits for: each task's time, by the clock and of the processor. */
import type { Page } from "playwright-core";

/** The longest task; `cpuMs` is the thread's own time, which other work on the machine does not lengthen. */
export interface LongestTask {
  readonly cpuMs: number;
  readonly wallMs: number;
}
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}
/** Does `act` and gives the tasks of each page's main thread meanwhile. */
async function traced(page: Page, act: () => Promise<void>): Promise<readonly (readonly TraceEvent[])[]> {
  const browser = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  browser.on("Tracing.dataCollected", (e) => events.push(...e.value as unknown as TraceEvent[]));
  await browser.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["toplevel"], recordMode: "recordUntilFull" },
  });
  await act();
  // What was begun is drawn before the trace ends.
  await page.evaluate("new Promise((r) => requestAnimationFrame(() => setTimeout(r, 30)))");
  const complete = new Promise<void>((resolve) => browser.once("Tracing.tracingComplete", () => resolve()));
  await browser.send("Tracing.end");
  await complete;
  await browser.detach();
  const main = events.filter((e) => e.ph === "M" && e.args?.name === "CrRendererMain");
  const tasks = main.map((m) =>
    events.filter((e) => e.pid === m.pid && e.tid === m.tid && e.name.endsWith("RunTask"))
  ).filter((list) => list.length > 0);
  if (tasks.every((list) => list.every((e) => e.tdur === undefined))) {
    throw new Error(
      "the trace does not tell the processor's time; what is called RunTask may have a new name",
    );
  }
  return tasks;
}

/** Does `act` and tells the longest task of the page's main thread meanwhile. */
export async function longestTask(page: Page, act: () => Promise<void>): Promise<LongestTask> {
  const tasks = (await traced(page, act)).flat();
  const ms = (times: readonly (number | undefined)[]) => Math.max(...times.map((t) => t ?? 0)) / 1_000;
  return { cpuMs: ms(tasks.map((e) => e.tdur)), wallMs: ms(tasks.map((e) => e.dur)) };
}

/** Does `act` and tells how long the page's main thread worked for it, in milliseconds of the processor's time. */
export async function workOf(page: Page, act: () => Promise<void>): Promise<number> {
  const threads = await traced(page, act);
  return Math.max(...threads.map((list) => list.reduce((sum, e) => sum + (e.tdur ?? 0), 0))) / 1_000;
}

/** When the page first painted something, in milliseconds from the navigation. */
export async function firstPaint(page: Page): Promise<number> {
  await page.waitForFunction('performance.getEntriesByName("first-contentful-paint").length > 0');
  return await page.evaluate<number>(
    'performance.getEntriesByName("first-contentful-paint")[0].startTime',
  );
}
