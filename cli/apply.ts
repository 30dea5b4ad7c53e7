/** `realm apply`: TOML manifests, one wish after the other. */
import {
  appSpecOf,
  type AppWish,
  isDigest,
  type KeyWish,
  type NodeWish,
  parseRealmManifest,
  type PinWish,
  readPackage,
  type RealmClient,
  RealmError,
  type RealmManifest,
  sealGrant,
  shortId,
  unwrap,
} from "../mod.ts";
import { connect, signingCredentials } from "./connection.ts";
import { carryOut, type Deploy, planText } from "./deploy.ts";
import { moment } from "./display.ts";
import { flag, type Handler, type Invocation } from "./invocation.ts";
import { readNamed } from "./local_files.ts";

/** One step: what it does in words, and doing it. */
interface Step {
  readonly says: string;
  readonly plan?: () => Promise<unknown>;
  run(): Promise<number | void>;
}

const directoryOf = (file: string): string => file.includes("/") ? file.replace(/\/[^/]*$/, "") : ".";

async function appStep(i: Invocation, client: RealmClient, wish: AppWish, file: string): Promise<Step> {
  if (isDigest(wish.package)) {
    throw new RealmError(
      "bad_manifest",
      `${file}: \`app.package\`: a package that is only in the realm needs its file or directory here`,
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
  return {
    says: `deploy ${body.app} ${body.spec.version}`,
    plan: async () => {
      const plan = await client.plan(body);
      if (!flag(i, "json")) i.terminal.out(planText(i, plan));
      return plan;
    },
    run: async () => await carryOut(i, client, reader, body),
  };
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
  for (const wish of m.apps) steps.push(await appStep(i, client, wish, file));
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
      if (!json) i.terminal.out(`${step.says}\n`);
      plans.push({ change: step.says, plan: await step.plan?.() });
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
