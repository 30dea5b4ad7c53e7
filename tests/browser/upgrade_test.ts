/**
 * The fleet's upgrade in a real browser, in every look: files chosen together, planned, signed in the page, followed,
 * stopped with the reason, resumed, aborted. The fleet has one upgrade at a time, and so the looks take turns.
 */
import assert from "node:assert/strict";
import { Cluster, eventually, freePort } from "../cluster.ts";
import { canRun } from "../system_packages.ts";
import { makeExecutable, refresh, refreshAll, versions } from "../upgrade_bed.ts";
import { act, everyLook, goTo, inTurn, launch, linkOf, look, LOOKS, type Tab } from "./bed.ts";

const ignore = !canRun("browser");

/** Bytes that a file manager would take for a program of Windows. */
function windowsProgram(): Uint8Array {
  const bytes = new Uint8Array(4_096), view = new DataView(bytes.buffer);
  bytes.set([0x4d, 0x5a]);
  view.setUint32(0x3c, 128, true);
  view.setUint32(128, 0x50450000);
  view.setUint16(132, 0x8664, true);
  return bytes;
}

const CANARY = 2;
/** Longer than a person needs to end it. */
const PROBATION = "5m";
/** Until a node runs another version, with others on the machine. */
const SWITCH = { timeout: 60_000 };

const nodesOf = ({ page }: Tab) => page.getByRole("table", { name: "Nodes of the upgrade" });

/** The canary's agent dies while it has to prove itself. */
function die(cluster: Cluster): void {
  refresh(cluster.nodes[CANARY]);
  Deno.kill(cluster.nodes[CANARY].pid, "SIGKILL");
}

/** Files as a build leaves them: read, told apart, planned; what is wrong is said. */
async function plan(tab: Tab, files: readonly string[]): Promise<void> {
  const { page } = tab;
  await goTo(page, "/upgrade");
  await page.getByText("all nodes run 0.1.0").waitFor();
  await page.getByLabel("Files").setInputFiles(files);
  const read = page.getByRole("table", { name: "Files of the release" });
  await read.getByText("windows/amd64").waitFor();
  await read.getByText("linux/amd64").waitFor();
  await page.getByText(/Left out, since they are no executables: .*README\.txt/).waitFor();
  await page.getByRole("textbox", { name: "Then at once" }).fill("many");
  await page.getByText("a whole number from 1 to 1000").waitFor();
  assert.ok(await page.getByRole("button", { name: "Sign and start" }).isDisabled());
  await page.getByRole("textbox", { name: "Then at once" }).fill("1");
  await page.getByRole("textbox", { name: "Canaries" }).fill("n2");
  await page.getByRole("table", { name: "Plan" }).getByText("canary, first").waitFor();
  await page.getByRole("textbox", { name: "Probation" }).fill(PROBATION);
  await page.getByText(`--canary n2 --batch 1 --probation ${PROBATION}`).waitFor();
  await look(tab, "upgrade-plan");
}

/** Started; stopped by what the canary does; resumed, trying again; aborted. */
async function trial(tab: Tab, cluster: Cluster, version: string): Promise<void> {
  const { page } = tab, main = page.locator("#main"), nodes = nodesOf(tab);
  const state = (word: string) => main.locator("dd").getByText(word, { exact: true }).waitFor(SWITCH);
  await page.getByRole("button", { name: "Sign and start" }).click();
  await page.getByRole("heading", { name: `Version ${version}` }).waitFor();
  await nodes.getByText("probation").waitFor(SWITCH);
  await look(tab, "upgrade-running");
  die(cluster);
  await nodes.getByText("rolled back").waitFor(SWITCH);
  await state("stopped");
  await main.getByText(/n2 keeps version 0\.1\.0: it ended with SIGKILL/).first().waitFor();
  await look(tab, "upgrade-stopped");
  await act(tab, "Resume", "realm upgrade resume", async (dialog) => {
    await dialog.getByLabel(/^Try again where it failed/).check();
    await dialog.getByText("realm upgrade resume --retry").waitFor();
  }, main);
  await state("running");
  await nodes.getByText("probation").waitFor(SWITCH);
  await act(tab, "Abort", "realm upgrade abort", undefined, main);
  await state("aborted");
  await look(tab, "upgrade-aborted");
  die(cluster);
  await nodes.getByText("rolled back").waitFor(SWITCH);
}

Deno.test({
  name:
    "upgrade: executables planned, signed in the page, followed, stopped with the reason, resumed, aborted, done",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const port = freePort();
    await using cluster = await Cluster.start({
      nodes: 3,
      flags: (index) => index === 0 ? ["--api", `127.0.0.1:${port}`] : [],
    });
    const origin = cluster.nodes[0].api, dist = `${cluster.root}/dist`;
    const versionOf = (n: number) => `9.0.${n}`, note = `${dist}/README.txt`;
    const good = await makeExecutable(dist, "9.1.0");
    await Deno.writeTextFile(note, "no executable");
    const releases: string[][] = [];
    for (const n of LOOKS.keys()) {
      const windows = `${dist}/realm-${versionOf(n)}-windows-amd64.exe`;
      await Deno.writeFile(windows, windowsProgram());
      releases.push([windows, await makeExecutable(dist, versionOf(n)), note]);
    }
    const browser = await launch();
    try {
      await using tabs = await everyLook(browser, origin, await linkOf(cluster));
      await t.step("files are told apart and planned", () => tabs.each((tab) => plan(tab, releases[tab.n])));
      const turn = inTurn();
      await t.step(
        "a release is started, stops at the canary and says why, is resumed and aborted",
        () => tabs.each((tab) => turn(() => trial(tab, cluster, versionOf(tab.n)))),
      );
      await t.step(
        "a good one is followed to its end, though the node that serves the page changes too",
        async () => {
          const { page } = tabs.all[0];
          await page.getByLabel("Files").setInputFiles([good]);
          await page.getByRole("textbox", { name: "Canaries" }).fill("n1");
          await page.getByRole("textbox", { name: "Probation" }).fill("2s");
          await page.getByRole("button", { name: "Sign and start" }).click();
          await eventually(
            "the fleet is upgraded",
            async () => (await versions(cluster)).every((line) => line.includes(" 9.1.0 alive")),
            120_000,
          );
          for (const { page, faults } of tabs.all) {
            await page.getByText("all nodes run 9.1.0").waitFor(SWITCH);
            // What was asked while the node was away: the browser itself notes it.
            faults.splice(
              0,
              faults.length,
              ...faults.filter((f) => !f.startsWith("console: Failed to load")),
            );
          }
          await tabs.each(async (tab) => {
            const earlier = tab.page.getByRole("table", { name: "Earlier upgrades" });
            for (const n of LOOKS.keys()) await earlier.getByText(versionOf(n)).waitFor();
            await nodesOf(tab).getByText("done").nth(2).waitFor();
            await look(tab, "upgrade-done");
          });
        },
      );
    } finally {
      await browser.close();
      await refreshAll(cluster);
    }
  },
});
