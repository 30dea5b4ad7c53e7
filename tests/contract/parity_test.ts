/** What can be done with jobs, policies and secrets can be done everywhere: command line, API, dashboard and, for what is wished, TOML. */
import assert from "node:assert/strict";
import { capabilities, createClient } from "../../mod.ts";

/** How a program asks each query: a method of the client; after it what asks it for the dashboard, or tells as much. */
const methods: Record<string, string | readonly [string, string]> = {
  "job.list": "runs",
  "job.plan": "planJobs",
  "job.show": "run",
  "job.spec": ["runSpec", "rerunWish"],
  "job.logs": "runLogs",
  "why.show": "why",
  "schedule.list": "schedules",
  "schedule.show": ["schedule", "schedules"],
  "policy.show": "policy",
  "secret.list": "secrets",
  "secret.show": ["secret", "secrets"],
  "secret.recipients": "secretRecipients",
};
const isOfJobs = (name: string) => /^(job|schedule|why|policy|secret)\./.test(name);

async function sources(directory: URL): Promise<string> {
  let text = "";
  for await (const entry of Deno.readDir(directory)) {
    const url = new URL(entry.name + (entry.isDirectory ? "/" : ""), directory);
    if (entry.isDirectory) text += await sources(url);
    else if (/(?<!_test)\.tsx?$/.test(entry.name)) text += await Deno.readTextFile(url);
  }
  return text;
}

Deno.test("every capability of jobs, policies and secrets is on the command line, in the API's client and in the dashboard", async () => {
  const dashboard = await sources(new URL("../../ui/app/", import.meta.url));
  const client = createClient({
    url: "http://127.0.0.1:1",
    credentials: () => {
      throw new Error();
    },
  });
  const missing: string[] = [];
  let looked = 0;
  for (const { name, form, cli } of capabilities()) {
    if (!isOfJobs(name)) continue;
    looked++;
    if (cli.length === 0) missing.push(`${name}: command line`);
    if (form === "command") {
      if (!dashboard.includes(`"${name}"`)) missing.push(`${name}: dashboard`);
      continue;
    }
    const [method, shown = method] = [methods[name] ?? ""].flat();
    if (!(method in client)) missing.push(`${name}: client`);
    else if (!new RegExp(`\\b${shown}\\(`).test(dashboard)) missing.push(`${name}: dashboard`);
  }
  assert.deepEqual(missing, []);
  assert.ok(looked > 10);
});
