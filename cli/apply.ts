/** `realm apply`: TOML manifests, one wish after the other. */
import { dirname, isAbsolute, join } from "node:path";
import {
  type ManifestStep,
  manifestSteps,
  parseRealmManifest,
  readPackage,
  type RealmClient,
  type RealmManifest,
  unwrap,
} from "../mod.ts";
import { FOLLOW_MS } from "./app_change.ts";
import { connect, signingCredentials } from "./connection.ts";
import { carryOut, planText } from "./deploy.ts";
import { followScale } from "./following.ts";
import { carryOutJobs, planOfJobs, type PreparedJobs, prepareJobs } from "./job_submit.ts";
import { duration, flag, type Handler, type Invocation } from "./invocation.ts";
import { readNamed, readNamedBytes } from "./local_files.ts";

/** Jobs to run, after everything else. */
interface JobsStep {
  readonly kind: "jobs";
  readonly says: string;
  readonly prepared: PreparedJobs;
}
type Step = ManifestStep | JobsStep;

/** A path that a manifest names: a relative one starts at the manifest's directory. */
const named = (path: string, file: string): string => isAbsolute(path) ? path : join(dirname(file), path);

async function stepsOf(
  i: Invocation,
  client: RealmClient,
  file: string,
  manifest: RealmManifest,
): Promise<readonly Step[]> {
  const world = await i.host.packageWorld();
  const { jobs, ...others } = manifest;
  const steps = await manifestSteps(client, { ...others, jobs: [] }, {
    open: (path) => readPackage(world, named(path, file)),
    readFile: (path) => readNamedBytes(named(path, file)),
    credentials: () => signingCredentials(i),
  });
  if (jobs.length === 0) return steps;
  const prepared = await prepareJobs(i, client, jobs, file);
  return [...steps, { kind: "jobs", says: `run ${jobs.map((j) => j.job.name).join(", ")}`, prepared }];
}

/** Takes one step and follows it to its end; the exit code when it failed. */
async function take(i: Invocation, client: RealmClient, step: Step): Promise<number | void> {
  if (step.kind === "jobs") return await carryOutJobs(i, client, step.prepared);
  if (step.kind === "deploy") return await carryOut(i, client, step.reader, step.wish);
  if (step.kind === "command") return void await step.run();
  const { app, replicas } = step;
  await client.command("app.scale", { app, replicas });
  if (!flag(i, "detach")) await followScale(i, client, app, replicas, duration(i, "timeout", FOLLOW_MS));
}

/** See the module's text. */
export const apply: Handler = async (i) => {
  // All files are read and checked before the first change.
  const manifests: [string, RealmManifest][] = [];
  for (const file of i.args) {
    manifests.push([file, unwrap(parseRealmManifest(await readNamed(file), { file }))]);
  }
  const planning = flag(i, "plan");
  const client = await connect(i, planning ? "read" : "write");
  const steps: Step[] = [];
  for (const [file, manifest] of manifests) steps.push(...await stepsOf(i, client, file, manifest));
  const json = flag(i, "json");
  if (planning) {
    const plans: unknown[] = [];
    for (const step of steps) {
      const plan = step.kind === "deploy" ? step.plan : undefined;
      const jobs = step.kind === "jobs" ? await planOfJobs(i, client, step.prepared) : undefined;
      const shown = plan ? planText(i, plan) : jobs?.text ?? "";
      if (!json) i.terminal.out(`${step.says}\n${shown}`);
      plans.push({ change: step.says, plan: jobs ? jobs.json : plan });
    }
    if (json) i.terminal.out(JSON.stringify(plans, null, 2) + "\n");
  }
  if (steps.length === 0 && !json) i.terminal.out("Nothing to change.\n");
  if (planning) return;
  for (const step of steps) {
    if (!json) i.terminal.err(`${step.says}\n`);
    const code = await take(i, client, step);
    if (code) return code;
  }
};
