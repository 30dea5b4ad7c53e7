/** A job that watches a repository, as the dashboard shows it. */
import assert from "node:assert/strict";
import type { Locator } from "playwright-core";
import type { RealmClient } from "../../mod.ts";
import type { Cluster } from "../cluster.ts";
import { commit, repository, serveGit } from "../git_bed.ts";
import { act, goTo, look, type Tab, type Tabs } from "./bed.ts";

const HOOK = "told-by-forges";
const watching = (name: string, repository: string) =>
  `[job]
name = "${name}"
type = "one-shot"
[trigger]
git = "${repository}"
branches = ["main"]
paths = ["src/**"]
poll_seconds = 10
webhook_secret = "hook"
[runtime]
type = "wasm"
wasm = "command.wasm"
[execution]
command = ["hello"]
`;

/** A job that watches a repository, made as TOML: what it watches and how far that is known. */
async function watch(tab: Tab, dir: string, repository: string): Promise<void> {
  const { page, n } = tab, name = `ci-${n}`;
  await goTo(page, "/jobs/new");
  await page.getByRole("button", { name: "TOML" }).click();
  await page.getByRole("textbox", { name: "Manifest" }).fill(watching(name, repository));
  const plan = page.getByRole("table", { name: "What would run" });
  const another = page.getByRole("button", { name: "Another" });
  const file = page.locator(".drop").getByLabel("A file");
  await another.or(file).first().waitFor();
  if (await another.count() === 0) await file.setInputFiles(`${dir}/command.wasm`);
  await plan.getByText(`on changes of ${repository}, branches main`).first().waitFor();
  await page.getByRole("button", { name: "Schedule", exact: true }).click();
  await page.waitForURL("**/jobs/scheduled");
  const mine = page.getByRole("region", { name: `Schedule ${name}` });
  await mine.getByText(`on changes of ${repository}, branches main`).waitFor();
  await mine.getByText("every 10 s").waitFor();
  await mine.getByText(`webhooks at /hooks/${name}`).waitFor();
  await mine.getByText("files: src/**").waitFor();
  await mine.getByRole("list", { name: "Branches" }).getByText("was there before").waitFor();
  await mine.getByText(/looked .*(ago|now).*, again in [0-9]+ s/).waitFor();
  await look(tab, "jobs-watching");
}

/** A push is told at the address that the page shows; then the actions, each saying what it does. */
async function pushed(tab: Tab, client: RealmClient, origin: string, body: string): Promise<void> {
  const { page, n } = tab, name = `ci-${n}`, { after } = JSON.parse(body) as { after: string };
  const mine = page.getByRole("region", { name: `Schedule ${name}` });
  const hook = /webhooks at (\S+?)[;\s]/.exec(await mine.innerText())![1];
  const headers = { "x-gitlab-event": "Push Hook", "x-gitlab-token": HOOK };
  assert.equal((await fetch(origin + hook, { method: "POST", headers, body })).status, 202);
  const changes = mine.getByRole("list", { name: "Latest changes" });
  await changes.getByText(after.slice(0, 10)).waitFor();
  await changes.getByText("succeeded").waitFor();
  await mine.getByRole("list", { name: "Branches" }).getByText(/^ran, seen/).waitFor();
  await look(tab, "jobs-watched");
  const does = (text: string) => async (dialog: Locator) => await dialog.getByText(text).waitFor();
  await act(tab, "Pause", `realm job pause ${name}`, does("Nobody looks at the repository"), mine);
  await mine.getByText("paused").waitFor();
  await mine.getByText(/again in/).waitFor({ state: "detached" });
  await act(
    tab,
    "Resume",
    `realm job resume ${name}`,
    does("a branch that changed meanwhile runs once"),
    mine,
  );
  await mine.getByText("active").waitFor();
  await mine.getByText(/again in [0-9]+ s/).waitFor();
  await act(tab, "End", `realm job unschedule ${name}`, does("The repository is watched no more."), mine);
  await mine.waitFor({ state: "detached" });
  assert.ok((await client.schedules()).every((s) => s.name !== name));
}

/** Made, told of a push, paused, resumed and ended in every look. */
export async function watchRepository(tabs: Tabs, cluster: Cluster): Promise<void> {
  const dir = cluster.root, client = cluster.client(cluster.nodes[0]), origin = cluster.nodes[0].api;
  const before = await repository(`${dir}/repos/app`, { "src/a": "a\n" });
  await using server = serveGit(`${dir}/repos`);
  await Deno.writeTextFile(`${dir}/hook`, HOOK);
  await cluster.realm("secret", "set", "hook", "--file", `${dir}/hook`);
  const url = `${server.url}/app`;
  // The node that looks tells when.
  for (const { name } of cluster.nodes.slice(1)) await cluster.realm("node", "cordon", name);
  await tabs.each((tab) => watch(tab, dir, url));
  const after = await commit(`${dir}/repos/app`, { "src/a": "b\n" });
  const body = JSON.stringify({ ref: "refs/heads/main", before, after, repository: { clone_url: url } });
  await tabs.each((tab) => pushed(tab, client, origin, body));
  for (const { name } of cluster.nodes.slice(1)) await cluster.realm("node", "uncordon", name);
}
