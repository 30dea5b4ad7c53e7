/** `realm apply`: TOML manifests, one wish after the other. */
import {
  appSpecOf,
  type AppView,
  type AppWish,
  isDigest,
  type KeyWish,
  type NodeWish,
  parseRealmManifest,
  type PinWish,
  type PlanView,
  readPackage,
  type RealmClient,
  RealmError,
  type RealmManifest,
  sealGrant,
  shortId,
  unwrap,
} from "../mod.ts";
import { FOLLOW_MS } from "./app_change.ts";
import { connect, signingCredentials } from "./connection.ts";
import { carryOut, type Deploy, planText } from "./deploy.ts";
import { moment } from "./display.ts";
import { followScale } from "./following.ts";
import { duration, flag, type Handler, type Invocation } from "./invocation.ts";
import { readNamed } from "./local_files.ts";

/** One step: what it does in words, and doing it. */
interface Step {
  readonly says: string;
  readonly plan?: PlanView;
  run(): Promise<number | void>;
}

const directoryOf = (file: string): string => file.includes("/") ? file.replace(/\/[^/]*$/, "") : ".";

const sameWords = (a: readonly string[], b: readonly string[]): boolean =>
  a.toSorted().join("\n") === b.toSorted().join("\n");

/** What stands under a name; `undefined` when nothing does. */
async function standing(client: RealmClient, name: string): Promise<AppView | undefined> {
  try {
    return await client.app(name);
  } catch (error) {
    if (error instanceof RealmError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** Nothing when the app is as wished, a change of scale when only that differs, else a deploy. */
async function appSteps(i: Invocation, client: RealmClient, wish: AppWish, file: string): Promise<Step[]> {
  if (isDigest(wish.package)) {
    throw new RealmError(
      "bad_manifest",
      `${file}: \`app.package\`: a digest names no file; give the path of the package`,
    );
  }
  const path = wish.package.startsWith("/") ? wish.package : `${directoryOf(file)}/${wish.package}`;
  const reader = await readPackage(await i.host.packageWorld(), path);
  const body: Deploy = {
    app: wish.name ?? reader.manifest.name,
    spec: appSpecOf(reader.manifest, reader.digest),
    replicas: wish.replicas,
    tags: [...wish.tags],
    strategy: wish.strategy,
  };
  const plan = await client.plan(body);
  const now = await standing(client, body.app);
  if (now && plan.change === "same" && sameWords(now.tags, body.tags)) {
    if (now.wanted === body.replicas) return [];
    return [{
      says: `scale ${body.app} to ${body.replicas}`,
      async run() {
        await client.command("app.scale", { app: body.app, replicas: body.replicas });
        if (!flag(i, "detach")) {
          await followScale(i, client, body.app, body.replicas, duration(i, "timeout", FOLLOW_MS));
        }
      },
    }];
  }
  return [{
    says: `deploy ${body.app} ${body.spec.version}`,
    plan,
    run: () => carryOut(i, client, reader, body),
  }];
}

async function nodeSteps(client: RealmClient, wish: NodeWish): Promise<Step[]> {
  const node = await client.node(wish.node);
  const steps: Step[] = [];
  const { tags, cordon } = wish;
  if (tags !== undefined && [...tags].toSorted().join() !== [...node.tags].toSorted().join()) {
    steps.push({
      says: `set the tags of ${node.name} to ${tags.join(" ") || "none"}`,
      run: async () => void await client.command("node.tag", { node: node.id, tags: [...tags] }),
    });
  }
  if (cordon !== undefined && cordon !== (node.scheduling !== "open")) {
    steps.push({
      says: `${cordon ? "cordon" : "uncordon"} ${node.name}`,
      run: async () => void await client.command(cordon ? "node.cordon" : "node.uncordon", { node: node.id }),
    });
  }
  return steps;
}

function keyStep(i: Invocation, client: RealmClient, wish: KeyWish): Step {
  if ("revoke" in wish) {
    return {
      says: `revoke ${wish.key}`,
      run: async () => void await client.command("key.revoke", { key: wish.key }),
    };
  }
  const { key, role, until, name } = wish;
  return {
    says: `grant ${role} to ${key} until ${moment(until)} UTC`,
    async run() {
      const { realm, signer } = await signingCredentials(i);
      const from = Date.now() - 60_000;
      const grant = sealGrant(
        { v: 1, realm, key, role, from, until, ...(name !== undefined && { name }) },
        signer,
      );
      await client.command("key.grant", { grant });
    },
  };
}

async function pinStep(client: RealmClient, wish: PinWish): Promise<Step> {
  const { size } = await client.blob(wish.digest);
  const { digest, name, copies, tags } = wish;
  return {
    says: `keep ${name ?? shortId(digest)} in ${copies} copies`,
    run: async () =>
      void await client.command("blob.pin", {
        digest,
        copies,
        size,
        tags: [...tags],
        ...(name !== undefined && { name }),
      }),
  };
}

async function stepsOf(i: Invocation, client: RealmClient, file: string, m: RealmManifest): Promise<Step[]> {
  const steps: Step[] = [];
  for (const wish of m.nodes) steps.push(...await nodeSteps(client, wish));
  for (const wish of m.keys) steps.push(keyStep(i, client, wish));
  for (const wish of m.pins) steps.push(await pinStep(client, wish));
  for (const wish of m.apps) steps.push(...await appSteps(i, client, wish, file));
  return steps;
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
      if (!json) i.terminal.out(`${step.says}\n${step.plan ? planText(i, step.plan) : ""}`);
      plans.push({ change: step.says, plan: step.plan });
    }
    if (json) i.terminal.out(JSON.stringify(plans, null, 2) + "\n");
  }
  if (steps.length === 0 && !json) i.terminal.out("Nothing to change.\n");
  if (planning) return;
  for (const step of steps) {
    if (!json) i.terminal.err(`${step.says}\n`);
    const code = await step.run();
    if (code) return code;
  }
};
