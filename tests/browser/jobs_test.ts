/** Jobs in a real browser against a real realm: the list, a pipeline, a live log, artifacts, cancel, run again. */
import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { canRun } from "../system_packages.ts";
import { accessible, enter, goTo, launch, linkOf, lookName, LOOKS, noSideScroll, open } from "./bed.ts";

const entry = (name: string, needs: readonly string[], command: readonly string[], data = "") =>
  `[[jobs]]
job = { name = "${name}", type = "one-shot", needs = ${JSON.stringify(needs)} }
runtime = { type = "wasm", wasm = "command.wasm" }
execution = { command = ${JSON.stringify(command)} }
${data}`;

Deno.test({
  name: "jobs: a pipeline and its log are seen as they go; a run is cancelled, run again, its artifact saved",
  ignore: !canRun("browser") || !canRun("wasi"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: 2 });
    const client = cluster.client(cluster.nodes[0]), origin = cluster.nodes[0].api;
    await Deno.copyFile((await buildWasmFixtures()).commandModule, `${cluster.root}/command.wasm`);
    await Deno.writeTextFile(`${cluster.root}/in.txt`, "from a file\n");
    const submit = async (name: string, text: string): Promise<string[]> => {
      await Deno.writeTextFile(`${cluster.root}/${name}.toml`, text);
      const said = await cluster.realm("job", "submit", `${cluster.root}/${name}.toml`, "--detach", "--json");
      return (JSON.parse(said) as { runs: string[] }).runs;
    };
    const browser = await launch();
    try {
      const { context, page, faults } = await open(browser, origin, "wide", false);
      await enter(page, await linkOf(cluster));
      const dialog = page.getByRole("dialog"), title = page.locator(".title");
      await page.getByRole("link", { name: "Jobs", exact: true }).click();
      await page.getByText("No job was run yet").waitFor();
      const copied = 'data = { inputs = [{ path = "in.txt", mount = "/in.txt" }], ' +
        'outputs = [{ path = "/out.txt", name = "out" }] }\n';
      const [make, slow, after] = await submit(
        "pipeline",
        entry("make", [], ["copy", "/in.txt", "/out.txt"], copied) +
          entry("slow", ["make"], ["slow", "100000"]) + entry("after", ["slow"], ["hello"]),
      );
      await t.step("the list and a pipeline are current without asking", async () => {
        await page.getByText("3 of 3").waitFor();
        await page.getByRole("row").filter({ hasText: slow }).getByText("running").waitFor();
        await page.getByLabel("State").selectOption("succeeded");
        await page.getByText("realm job list --state succeeded").waitFor();
        await page.getByRole("link", { name: make }).waitFor();
        await page.getByRole("link", { name: slow }).waitFor({ state: "detached" });
        await page.getByLabel("State").selectOption("");
        await page.getByRole("link", { name: slow }).click();
        const stages = page.getByRole("list", { name: "Stages" });
        await stages.getByText("after make").waitFor();
        const names = (await stages.locator("b").allInnerTexts()).map((s) => s.trim());
        assert.deepEqual(names, ["make", "slow", "after"]);
      });
      await t.step("the log is live, and cancelling ends the run and what needs it", async () => {
        await page.getByRole("log").getByText("line 3", { exact: true }).waitFor();
        await title.getByRole("button", { name: "Cancel run" }).click();
        await dialog.getByText(`realm job cancel ${slow}`).waitFor();
        await dialog.getByRole("button", { name: "Cancel run" }).click();
        await title.getByText("cancelled").waitFor();
        const ended = async () => (await client.run(after)).ended_at !== undefined;
        await eventually("what needs it has ended", ended);
        await goTo(page, `/jobs/${after}`);
        await page.locator("#main .error").getByText("slow").waitFor();
      });
      await t.step("an artifact is saved; the same runs again on its own", async () => {
        await goTo(page, `/jobs/${make}`);
        const [file] = await Promise.all([
          page.waitForEvent("download"),
          page.getByRole("table", { name: "Artifacts" }).getByRole("button", { name: "Download" }).click(),
        ]);
        assert.match(file.suggestedFilename(), /^out/);
        assert.equal(await Deno.readTextFile(await file.path()), "FROM A FILE\n");
        await title.getByRole("button", { name: "Run again" }).click();
        await dialog.getByText(`realm job rerun ${make}`).waitFor();
        await dialog.getByRole("button", { name: "Run again" }).click();
        // The new run names the one that it repeats.
        await page.getByRole("definition").getByRole("link", { name: make }).waitFor();
        await title.getByText("succeeded").waitFor();
        assert.notEqual(new URL(page.url()).pathname, `/jobs/${make}`);
        await goTo(page, "/jobs/none-such");
        await page.getByRole("heading", { name: "No such run" }).waitFor();
      });
      // A run that is not there is answered with 404, which the browser itself writes into its console.
      assert.deepEqual(faults.filter((f) => !f.includes("404")), []);
      await context.close();
      const views = {
        jobs: ["/jobs", after],
        run: [`/jobs/${make}`, "1 artifact"],
        "run-ended": [`/jobs/${after}`, "Stages"],
      } as const;
      for (const [size, dark] of LOOKS) {
        await t.step(`views at ${lookName(size, dark)}`, async () => {
          const { context, page, faults, shot, settled } = await open(browser, origin, size, dark);
          await enter(page, await linkOf(cluster));
          for (const [name, [path, text]] of Object.entries(views)) {
            await goTo(page, path);
            if (name === "run-ended") await page.getByRole("list", { name: text }).waitFor();
            else await page.locator("#main").getByText(text).first().waitFor();
            await settled();
            await accessible(page, name);
            await noSideScroll(page, name);
            await shot(name);
          }
          assert.deepEqual(faults, []);
          await context.close();
        });
      }
    } finally {
      await browser.close();
    }
  },
});
