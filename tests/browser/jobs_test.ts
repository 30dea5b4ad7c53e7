/** Jobs in a real browser against a real realm, every action in every look: four tabs side by side, each with its own jobs. */
import assert from "node:assert/strict";
import type { Locator } from "playwright-core";
import type { RealmClient } from "../../mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { hasGit } from "../git_bed.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { perlServer, perlService } from "../native_jobs.ts";
import { canRun } from "../system_packages.ts";
import { act, everyLook, goTo, launch, linkOf, look, type Tab } from "./bed.ts";
import { watchRepository } from "./watching.ts";

const entry = (name: string, needs: readonly string[], command: readonly string[], data = "") =>
  `[[jobs]]
job = { name = "${name}", type = "one-shot", needs = ${JSON.stringify(needs)} }
runtime = { type = "wasm", wasm = "command.wasm" }
execution = { command = ${JSON.stringify(command)} }
${data}`;
const COPIED = 'data = { inputs = [{ path = "in.txt", mount = "/in.txt" }], ' +
  'outputs = [{ path = "/out.txt", name = "out" }] }\n';
const CACHED = 'cache = { key = "copies", paths = ["/out.txt"] }\n';
const pipeline = (n: number): string =>
  entry(`make-${n}`, [], ["copy", "/in.txt", "/out.txt"], COPIED + CACHED) +
  entry(`slow-${n}`, [`make-${n}`], ["slow", "100000"]) + entry(`after-${n}`, [`slow-${n}`], ["hello"]);

/** A section of the form, unfolded. */
async function section({ page }: Tab, name: string) {
  const found = page.locator("details.section").filter({
    has: page.getByRole("heading", { name, exact: true }),
  });
  if (await found.getAttribute("open") === null) await found.locator("summary").click();
  return found;
}
/** Chooses the file of a field. */
const choose = (part: Awaited<ReturnType<typeof section>>, at: number, file: string) =>
  part.getByLabel("A file for this field").nth(at).setInputFiles(file);

/** The id of the run that the page shows. */
const shown = ({ page }: Tab): string => decodeURIComponent(new URL(page.url()).pathname.split("/")[2]);

async function byForm(tab: Tab, dir: string): Promise<void> {
  const { page, n } = tab;
  await goTo(page, "/jobs");
  await page.getByRole("link", { name: "Submit a job" }).click();
  await page.getByRole("heading", { name: "Submit a job" }).waitFor();
  const job = await section(tab, "Job"), runtime = await section(tab, "Runtime");
  await job.getByRole("textbox", { name: "Name", exact: true }).fill(`Form ${n}`);
  await job.getByText("expected a name: lower-case letters").waitFor();
  await job.getByRole("textbox", { name: "Name", exact: true }).fill(`form-${n}`);
  await choose(runtime, 0, `${dir}/command.wasm`);
  await runtime.getByRole("textbox", { name: "Memory (MiB)" }).fill("many");
  await runtime.getByText("expected a whole number from 1").waitFor();
  assert.ok(await page.getByRole("button", { name: "Submit", exact: true }).isDisabled());
  await look(tab, "job-form-problem");
  await runtime.getByRole("textbox", { name: "Memory (MiB)" }).fill("128");
  const execution = await section(tab, "Execution");
  await execution.getByRole("textbox", { name: "Command" }).fill("copy /in.txt '/out.txt'");
  const data = await section(tab, "Inputs and outputs");
  await data.getByRole("button", { name: "Input", exact: true }).click();
  await choose(data, 0, `${dir}/in.txt`);
  await data.getByRole("textbox", { name: "Mount" }).fill("/in.txt");
  await data.getByRole("button", { name: "Output", exact: true }).click();
  const output = data.getByRole("group", { name: "output 1" });
  await output.getByRole("textbox", { name: "Path" }).fill("/out.txt");
  await output.getByRole("textbox", { name: "Name" }).fill("out");
  const environment = await section(tab, "Environment");
  await environment.getByRole("button", { name: "Variable" }).click();
  await environment.getByLabel("Variable: name 1").fill("COLOUR");
  await environment.getByLabel("Variable: value 1").fill("green");
  const matrix = await section(tab, "Matrix");
  await matrix.getByRole("button", { name: "Axis" }).click();
  await matrix.getByLabel("Axis: name 1").fill("mode");
  await matrix.getByLabel("Axis: value 1").fill("debug release");
  await page.getByRole("table", { name: "What would run" }).getByText("mode=release").waitFor();
  await page.getByText('command = ["copy", "/in.txt", "/out.txt"]').waitFor();
  await look(tab, "job-form");
  await page.getByRole("button", { name: "Submit 2 runs" }).click();
  await page.waitForURL(`**/jobs/form-${n}-*`);
  await page.locator(".title").getByText("succeeded").waitFor();
  assert.match(await page.locator("#main").innerText(), /mode=debug/);
}

/** The form still has the job before: made recurring, it gets a schedule. */
async function recurring(tab: Tab, client: RealmClient): Promise<void> {
  const { page, n } = tab, name = `nightly-${n}`;
  await goTo(page, "/jobs");
  await page.getByRole("link", { name: "Scheduled" }).click();
  if (n === 0) await page.getByText("No job runs by itself").waitFor();
  await goTo(page, "/jobs/new");
  const job = await section(tab, "Job");
  await job.getByRole("textbox", { name: "Name", exact: true }).fill(name);
  await job.getByRole("combobox", { name: "Type" }).selectOption("recurring");
  await page.getByText("a recurring job has no schedule").first().waitFor();
  const schedule = await section(tab, "Schedule");
  await schedule.getByRole("textbox", { name: "Cron" }).fill("0 2 * * *");
  await schedule.getByRole("textbox", { name: "Timezone" }).fill("Europe/Berlin");
  await page.getByRole("table", { name: "What would run" }).getByText("0 2 * * * Europe/Berlin").first()
    .waitFor();
  await look(tab, "job-recurring");
  await page.getByRole("button", { name: "Schedule", exact: true }).click();
  await page.waitForURL("**/jobs/scheduled");
  const mine = page.getByRole("region", { name: `Schedule ${name}` });
  await mine.getByText(/^in [0-9]+ (h|min|s)$/).waitFor();
  await look(tab, "jobs-scheduled");
  await act(tab, "Pause", `realm job pause ${name}`, undefined, mine);
  await mine.getByText("paused").waitFor();
  await act(tab, "Resume", `realm job resume ${name}`, undefined, mine);
  await mine.getByText("active").waitFor();
  await act(tab, "End", `realm job unschedule ${name}`, undefined, mine);
  await mine.waitFor({ state: "detached" });
  assert.ok((await client.schedules()).every((s) => s.name !== name));
}

async function byToml(tab: Tab, dir: string, client: RealmClient): Promise<void> {
  const { page, n } = tab;
  await page.keyboard.press("Control+k");
  await page.keyboard.type("submit a job");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "TOML" }).click();
  const editor = page.getByRole("textbox", { name: "Manifest" });
  await editor.fill(
    pipeline(n).replace('wasm = "command.wasm" }', 'wasm = "command.wasm", memory_bm = 64 }'),
  );
  await page.getByRole("button", { name: "job.toml:3" }).waitFor();
  await page.getByText("did you mean `memory_mb`?").waitFor();
  await look(tab, "job-toml-problem");
  await editor.fill(pipeline(n));
  // The files of the form are there still; another one takes their place.
  await page.getByRole("button", { name: "Another" }).first().click();
  await page.getByText("The manifest names command.wasm").waitFor();
  await page.locator(".drop").getByLabel("A file").setInputFiles(`${dir}/command.wasm`);
  await page.getByRole("table", { name: "What would run" }).getByText(`slow-${n}`).first().waitFor();
  await page.getByText("nothing has to be uploaded").waitFor();
  await page.getByRole("button", { name: "Form" }).click();
  await page.getByRole("group", { name: "Jobs of the pipeline" }).getByRole("button", {
    name: `slow-${n}`,
    exact: true,
  })
    .click();
  assert.equal(
    await (await section(tab, "Job")).getByLabel("Needs", { exact: true }).inputValue(),
    `make-${n}`,
  );
  await look(tab, "job-pipeline");
  await page.getByRole("button", { name: "Submit 3 runs" }).click();
  await page.waitForURL(`**/jobs/make-${n}-*`);
  const stages = page.getByRole("list", { name: "Stages" });
  await stages.getByText(`after make-${n}`).waitFor();
  const names = (await stages.locator("b").allInnerTexts()).map((s) => s.trim());
  assert.deepEqual(names, [`make-${n}`, `slow-${n}`, `after-${n}`]);
  await look(tab, "run");
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("table", { name: "Artifacts" }).getByRole("button", { name: "Download" }).click(),
  ]);
  assert.match(file.suggestedFilename(), /^out/);
  assert.equal(await Deno.readTextFile(await file.path()), "FROM A FILE\n");

  await stages.getByRole("link").filter({ hasText: `slow-${n}` }).first().click();
  const log = page.getByRole("log");
  await log.getByText("line 3", { exact: true }).waitFor();
  await page.getByLabel("Only lines that contain").fill("line 5");
  await log.locator("mark").first().waitFor();
  assert.ok((await log.locator("bdi").allInnerTexts()).every((l) => l.includes("line 5")));
  await page.getByLabel("Only lines that contain").fill("");
  const slow = shown(tab);
  await look(tab, "run-live");
  await act(tab, "Cancel run", `realm job cancel ${slow}`);
  await page.locator(".title").getByText("cancelled").waitFor();
  const after = (await client.run(slow)).runs[2];
  await eventually("what needs it has ended", async () => (await client.run(after)).ended_at !== undefined);
  await goTo(page, `/jobs/${after}`);
  await page.locator("#main .error").getByText(`slow-${n}`).waitFor();
  await look(tab, "run-ended");
}

async function again(tab: Tab, client: RealmClient): Promise<void> {
  const { page, n } = tab, after = shown(tab), make = (await client.run(after)).runs[0];
  await act(tab, "Run failed again", `realm job rerun ${after} --failed`);
  await page.waitForURL(`**/jobs/slow-${n}-*`);
  const second = await client.run(shown(tab));
  assert.deepEqual(second.runs.map((id) => id.replace(/-[0-9a-f]{12}.*$/, "")), [`slow-${n}`, `after-${n}`]);
  await page.getByRole("log").getByText("line 3", { exact: true }).waitFor();
  await act(tab, "Cancel run", `realm job cancel ${second.id}`);
  await page.locator(".title").getByText("cancelled").waitFor();
  await goTo(page, `/jobs/${make}`);
  await act(tab, "Run again", `realm job rerun ${make}`);
  // Whether it was kept before depends on which look came first.
  await page.getByText(/^copies: (hit, [0-9.]+ k?B restored|nothing restored)/).waitFor();
  // The new run names the one that it repeats.
  await page.getByRole("definition").getByRole("link", { name: make }).waitFor();
  await page.locator(".title").getByText("succeeded").waitFor();
  assert.notEqual(shown(tab), make);
}

async function list(tab: Tab, n: number): Promise<void> {
  const { page } = tab;
  await goTo(page, "/jobs");
  await page.getByLabel("State").selectOption("cancelled");
  await page.getByText("realm job list --state cancelled").waitFor();
  await page.getByRole("link", { name: new RegExp(`^after-${n}-`) }).first().waitFor();
  assert.equal(await page.getByRole("link", { name: /^make-/ }).count(), 0);
  await page.getByLabel("State").selectOption("");
  await page.getByLabel("Filter").fill(`form-${n} release`);
  await page.getByText(/^1 of /).waitFor();
  await page.getByLabel("Filter").fill("");
  await look(tab, "jobs");
}

async function service(tab: Tab, cluster: Cluster): Promise<void> {
  const { page, n } = tab, name = `api-${n}`;
  await goTo(page, "/jobs/services");
  await page.locator("#main").getByText(/No service runs|Replicas/).first().waitFor();
  await goTo(page, "/jobs/new");
  await page.getByRole("button", { name: "TOML" }).click();
  await page.getByRole("textbox", { name: "Manifest" }).fill(perlService(name, 18_080 + n));
  await page.getByText("The manifest names server.pl").waitFor();
  await page.locator(".drop").getByLabel("A file").setInputFiles(`${cluster.root}/server.pl`);
  await page.getByRole("button", { name: "Form" }).click();
  const part = await section(tab, "Service");
  await part.getByRole("textbox", { name: "Replicas" }).fill("none");
  await part.getByText(/expected a whole number/).waitFor();
  await part.getByRole("textbox", { name: "Replicas" }).fill("2");
  await page.getByText("replicas = 2").waitFor();
  await look(tab, "job-service");
  await page.getByRole("button", { name: "Start the service" }).click();
  await page.waitForURL(`**/apps/${name}`);
  await page.locator(".title").getByText("2 / 2").waitFor();
  await goTo(page, "/jobs/services");
  const row = page.getByRole("table", { name: "Services" }).getByRole("row").filter({ hasText: name });
  await row.getByText("steady").waitFor();
  await row.getByText("2 / 2").waitFor();
  await look(tab, "jobs-services");
  await row.getByRole("link", { name }).click();
  const confirm = (dialog: Locator) => dialog.getByLabel(/to confirm/).fill(name);
  await act(tab, "Remove", `realm app remove ${name}`, confirm);
  await page.getByText("No such app").waitFor();
}

Deno.test({
  name: "jobs: submitted by form and as TOML, seen as they go, cancelled, run again, saved: in every look",
  ignore: !canRun("browser") || !canRun("wasi"),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: 3 });
    const client = cluster.client(cluster.nodes[0]), origin = cluster.nodes[0].api, dir = cluster.root;
    await Deno.copyFile((await buildWasmFixtures()).commandModule, `${dir}/command.wasm`);
    await Deno.writeTextFile(`${dir}/in.txt`, "from a file\n");
    await Deno.writeTextFile(`${dir}/server.pl`, perlServer("hello"));
    const browser = await launch();
    try {
      await using tabs = await everyLook(browser, origin, await linkOf(cluster));
      await tabs.each(async ({ page }) => {
        await goTo(page, "/jobs");
        await page.getByText("No job was run yet").waitFor();
      });
      await t.step(
        "by form: what is wrong stands at its field; the files come from the browser",
        () => tabs.each((tab) => byForm(tab, dir)),
      );
      await t.step(
        "a recurring job: its next time, paused, resumed, ended",
        () => tabs.each((tab) => recurring(tab, client)),
      );
      if (await hasGit()) {
        await t.step(
          "a job that watches a repository: what and when, a push, paused, resumed, ended",
          () => watchRepository(tabs, cluster),
        );
      }
      await t.step(
        "as TOML: a pipeline, seen live, searched, cancelled",
        () => tabs.each((tab) => byToml(tab, dir, client)),
      );
      await t.step("run again, whole and what failed", () => tabs.each((tab) => again(tab, client)));
      await t.step("the list: by state, filtered", () => tabs.each((tab) => list(tab, tab.n)));
      await cluster.realm("policy", "set", "allow_native_execution=true");
      await t.step(
        "a service: written as TOML, changed in the form, kept running, seen, removed",
        () => tabs.each((tab) => service(tab, cluster)),
      );
      await t.step("what is not there", async () => {
        const { page, faults } = tabs.all[0];
        await goTo(page, "/jobs/none-such");
        await page.getByRole("heading", { name: "No such run" }).waitFor();
        // It is answered with 404, which the browser itself writes into its console.
        assert.deepEqual(faults.filter((f) => !f.includes("404")), []);
      });
    } finally {
      await browser.close();
    }
  },
});
