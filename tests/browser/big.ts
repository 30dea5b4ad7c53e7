/** A realm of 500 nodes, 2,000 apps and 10,000 events in one page, and all that a person does with its lists. */
import type { Page } from "playwright-core";
import { type AppView, type EventView, nodeIdOf } from "../../mod.ts";
import { createFakeAgent, type FakeAgent } from "../fake_agent.ts";
import { testApp, testNode } from "../test_views.ts";
import { goTo } from "./bed.ts";

const NODES = 500, APPS = 2_000, EVENTS = 10_000;
const START = Date.UTC(2026, 0, 2);
const STATES = ["alive", "alive", "alive", "alive", "suspect", "unreachable"] as const;
const appName = (i: number): string => `app-${String(i % APPS).padStart(4, "0")}`;

/** An agent in memory, and a way to let something happen there. */
export interface Big {
  readonly agent: FakeAgent;
  /** A new version of one more app; the text of its event. */
  happen(): string;
}

function fill(agent: FakeAgent): void {
  const nodes = Array.from({ length: NODES }, (_, i) => {
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(0, i);
    return testNode(2, {
      ...(i > 0 && { id: nodeIdOf(key) }),
      name: `machine-${i}`,
      self: i === 0,
      state: i === 0 ? "alive" : STATES[i % STATES.length],
      tags: [`zone=${i % 7}`, i % 3 === 0 ? "edge" : "core"],
      reserved_mb: (i * 97) % 8_000,
    });
  });
  agent.nodeViews.splice(0, agent.nodeViews.length, ...nodes);
  agent.appViews.clear();
  for (let i = 0; i < APPS; i++) {
    const name = appName(i);
    const app = testApp(name, { phase: i % 11 === 0 ? "rolling" : "steady", wanted: 3, healthy: 3 });
    const replicas: AppView["replicas"] = [0, 1, 2].map((slot) => {
      const { id, name: node_name } = nodes[(i * 3 + slot) % NODES];
      return { ...app.replicas[0], id: `${name}-${slot}`, slot, node: id, node_name };
    });
    agent.appViews.set(name, { ...app, replicas });
  }
}

/** Makes one. */
export function bigAgent(): Big {
  const agent = createFakeAgent();
  fill(agent);
  const past: EventView[] = Array.from({ length: EVENTS }, (_, i) => ({
    n: i + 1,
    at: START + i * 1_000,
    topic: "app",
    what: `${appName(i)}: version 1.0.${i} runs as wished`,
    target: appName(i),
    ...(i % 50 === 0 && { severity: "warning" as const }),
  }));
  const queue: EventView[] = [];
  let woken = () => {}, happened = 0;
  Object.assign(
    agent,
    {
      pastEvents: (limit: number) => past.slice(-limit),
      async *events(_after: number | undefined, signal: AbortSignal) {
        signal.addEventListener("abort", () => woken(), { once: true });
        while (!signal.aborted) {
          while (queue.length > 0) yield queue.shift()!;
          await new Promise<void>((resolve) => woken = resolve);
        }
      },
    } satisfies Partial<FakeAgent>,
  );
  return {
    agent,
    happen() {
      const version = `2.0.${happened}`, name = appName(happened++);
      agent.appViews.set(name, { ...agent.appViews.get(name)!, version });
      const what = `${name}: version ${version} is here`;
      const event: EventView = { n: past.length + 1, at: Date.now(), topic: "app", what, target: name };
      past.push(event);
      queue.push(event);
      woken();
      return what;
    },
  };
}

/** What is done, by name; each can be done again and again, in this order. */
export function doings(page: Page, big: Big): Readonly<Record<string, () => Promise<void>>> {
  const filter = async (words: string, left: string) => {
    const field = page.getByLabel("Filter");
    for (const letter of words) await field.press(letter === " " ? "Space" : letter);
    await page.getByText(left).waitFor();
    for (const _ of words) await field.press("Backspace");
  };
  const scroll = async (count: number) => {
    await page.mouse.move(700, 600);
    for (let i = 0; i < 12; i++) await page.mouse.wheel(0, 2_500);
    await page.evaluate("scrollTo(0, document.body.scrollHeight)");
    await page.locator(`[aria-rowindex="${count + 1}"]`).waitFor();
    await page.evaluate("scrollTo(0, 0)");
    await page.locator('.row[aria-rowindex="2"]').waitFor();
  };
  const sort = async (column: string) => {
    for (let i = 0; i < 3; i++) await page.getByRole("button", { name: column, exact: true }).click();
  };
  const show = async (path: string, text: string) => {
    await goTo(page, path);
    await page.getByText(text).waitFor();
  };
  return {
    "overview with its map": async () => {
      await show("/keys", "Who may do what");
      await goTo(page, "/");
      await page.locator(".map .square").nth(NODES - 1).waitFor();
    },
    "nodes: open": () => show("/nodes", `${NODES} of ${NODES}`),
    "nodes: scroll": () => scroll(NODES),
    "nodes: filter": () => filter("zone=3 edge", `24 of ${NODES}`),
    "nodes: sort": () => sort("Memory reserved"),
    "apps: open": () => show("/apps", `${APPS} of ${APPS}`),
    "apps: scroll": () => scroll(APPS),
    "apps: filter": () => filter("app-01 rolling", `9 of ${APPS}`),
    "apps: sort": () => sort("Name"),
    "events: open": () => show("/events", `of ${EVENTS}`),
    "events: scroll": () => scroll(EVENTS),
    "events: filter": () => filter("app-0042", `5 of ${EVENTS}`),
    "something happens": async () => {
      const what = big.happen();
      await page.getByText(what).waitFor();
    },
    "palette": async () => {
      await page.keyboard.press("Control+k");
      const field = page.getByRole("combobox", { name: "View, object or action" });
      for (const letter of "drain machine-77") await field.press(letter === " " ? "Space" : letter);
      await page.getByRole("option", { name: /^Drain machine-77/ }).first().waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    },
  };
}
